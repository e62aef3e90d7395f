/// Which day a moment belongs to in a time zone.
struct DayRules {
    init?(zone: String) { if zone != "UTC" { return nil } }
}
