#!/bin/sh
# Fuzzes all codecs with libFuzzer and AddressSanitizer, offline.
#
#   fuzz.sh [SECONDS]        20 by default; 0 only runs the committed corpus once
#
# The corpus in ./corpus is read and not changed; what is found new goes to .build/fuzz/found, and
# an input that breaks something to .build/fuzz/crash-*: add it to ./corpus with the repair.
set -eu

seconds=${1:-20}
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
build=$root/.build/fuzz
mkdir -p "$build/found"

flags="-O -wmo -swift-version 6 -package-name weir -parse-as-library -sanitize=fuzzer,address
    -enable-upcoming-feature ExistentialAny -enable-upcoming-feature InternalImportsByDefault
    -enable-upcoming-feature MemberImportVisibility -I $build"

# Areas bottom-up, as in Package.swift.
objects=
for area in Model Bytes Codecs; do
    more=
    [ "$area" = Bytes ] && more="-enable-experimental-feature Lifetimes"
    # shellcheck disable=SC2046,SC2086
    swiftc $flags $more -module-name "$area" -emit-module \
        -emit-module-path "$build/$area.swiftmodule" -emit-object -o "$build/$area.o" \
        $(find "$root/Sources/Gateway/$area" -name '*.swift' | sort)
    objects="$objects $build/$area.o"
done
# shellcheck disable=SC2086
swiftc $flags -module-name CodecsFuzz "$here/Codecs.swift" $objects -o "$build/fuzz-codecs"

cd "$build"
# The sanitizer's report is the clear one; Swift's own would crash over it.
export SWIFT_BACKTRACE=enable=no
if [ "$seconds" -eq 0 ]; then
    exec ./fuzz-codecs -runs=0 "$here/corpus"
fi
# Small inputs find more here: the longest message that means anything is under 1 KiB.
exec ./fuzz-codecs -max_total_time="$seconds" -max_len=1024 -timeout=5 -rss_limit_mb=1024 \
    -print_final_stats=1 -verbosity=0 found "$here/corpus"
