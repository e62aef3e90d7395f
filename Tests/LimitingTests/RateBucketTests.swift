import Chance
import Limiting
import Model
import Testing

@Suite("Rates that loops share")
struct RateBucketTests {
    private static let second: UInt64 = 1_000_000_000

    /// Asks for more than there is at every one of `moments`; what was granted by then.
    private func drain(_ bucket: RateBucket, _ moments: [UInt64]) -> [Int] {
        var granted = 0
        return moments.map { moment in
            while case .bytes(let count) = bucket.take(1 << 40, nowNanoseconds: moment) {
                granted += count
            }
            return granted
        }
    }

    @Test(arguments: [100, 777, 999_999, 1 << 20, 10_000_000_000])
    func `in every second exactly the rate passes, and the burst once`(_ rate: Int) {
        let limit = ByteRate(bytesPerSecond: rate)
        let bucket = RateBucket(limit, nowNanoseconds: 5)
        // Asked more often than the bucket needs to fill, nothing is lost.
        let moments = (0...4000).map { 5 + UInt64($0) * 1_000_000 }
        let granted = drain(bucket, moments)
        #expect(granted[0] == limit.burstBytes)
        for second in 1...4 {
            #expect(granted[second * 1000] == limit.burstBytes + second * rate)
        }
    }

    @Test func `a pause is worth the burst and no more`() {
        let bucket = RateBucket(
            ByteRate(bytesPerSecond: 1000, burstBytes: 300), nowNanoseconds: 0)
        #expect(drain(bucket, [0]) == [300])
        #expect(drain(bucket, [100 * Self.second]) == [300])
        #expect(drain(bucket, [100 * Self.second + 10_000_000]) == [10])
    }

    @Test(arguments: 1...20 as ClosedRange<UInt64>)
    func `with any asking and giving back no span passes more than rate and burst`(_ seed: UInt64) {
        var chance = SplitMix64(seed: seed)
        let rate = Int.random(in: 1...5_000_000, using: &chance)
        let burst = Int.random(in: 1...100_000, using: &chance)
        let bucket = RateBucket(
            ByteRate(bytesPerSecond: rate, burstBytes: burst), nowNanoseconds: 0)
        var now: UInt64 = 0
        var passed: [(moment: UInt64, bytes: Int)] = []
        for _ in 0..<400 {
            now += UInt64.random(in: 0...50_000_000, using: &chance)
            guard
                case .bytes(let count) = bucket.take(
                    Int.random(in: 1...200_000, using: &chance), nowNanoseconds: now)
            else { continue }
            let kept = Int.random(in: 0...count, using: &chance)
            bucket.giveBack(count - kept, nowNanoseconds: now)
            passed.append((now, kept))
        }
        for start in passed.indices {
            var sum = 0
            for entry in passed[start...] {
                sum += entry.bytes
                let span = entry.moment - passed[start].moment
                let allowed = Int128(rate) * Int128(span) / 1_000_000_000 + Int128(burst) + 1
                #expect(Int128(sum) <= allowed, "seed \(seed)")
            }
        }
    }

    @Test func `who is told to come later finds something then`() throws {
        for rate in [1, 3, 1000, 1 << 30] {
            let bucket = RateBucket(ByteRate(bytesPerSecond: rate), nowNanoseconds: 0)
            _ = drain(bucket, [0])
            guard case .later(let moment) = bucket.take(1, nowNanoseconds: 0) else {
                Issue.record("the bucket should be empty")
                continue
            }
            #expect(moment > 0)
            guard case .bytes = bucket.take(1, nowNanoseconds: moment) else {
                Issue.record("nothing at the moment that was named, rate \(rate)")
                continue
            }
        }
    }

    @Test func `a debt is paid before anything else passes`() {
        let bucket = RateBucket(
            ByteRate(bytesPerSecond: 1000, burstBytes: 100), nowNanoseconds: 0)
        bucket.giveBack(-1100, nowNanoseconds: 0)
        #expect(drain(bucket, [1_000_000_000]) == [0])
        #expect(drain(bucket, [1_010_000_000]) == [10])
    }

    @Test func `a new rate counts from now on`() {
        let bucket = RateBucket(ByteRate(bytesPerSecond: 1000), nowNanoseconds: 0)
        _ = drain(bucket, [0])
        bucket.change(to: ByteRate(bytesPerSecond: 10), nowNanoseconds: 10_000_000)
        // 10 bytes had come at the old rate; the new burst holds one.
        #expect(drain(bucket, [10_000_000]) == [1])
        #expect(drain(bucket, [110_000_000]) == [1])
    }

    @Test func `a clock that is behind takes nothing away`() {
        let bucket = RateBucket(ByteRate(bytesPerSecond: 1000), nowNanoseconds: 1_000_000_000)
        #expect(drain(bucket, [999_000_000]) == [50])
        #expect(drain(bucket, [1_001_000_000]) == [1])
    }
}
