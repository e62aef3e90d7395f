# Each target works on a fresh Debian 12 that has Swift 6.3: .ci/setup installs what is missing.

CHECKED = --explicit-target-dependency-import-check error
RELEASE = swift build -c release --static-swift-stdlib $(CHECKED)
SOURCES = Sources Tests examples Package.swift
MINUTES ?= 10

.PHONY: run build test bench soak fmt lint docs clean

run: build
	@exec ./weir -C plugins.yaml

build:
	@.ci/setup build
	@$(RELEASE) --product weir
	@ln -sfn .build/release/weir weir

test:
	@.ci/setup test
	@swift build --build-tests $(CHECKED)
	@swift test --skip-build --disable-xctest

bench: build
	@.ci/setup bench
	@$(RELEASE) --product Benchmarks
	@/usr/bin/python3 Tests/Bench/bench.py weir
	@.build/release/Benchmarks

soak: build
	@.ci/setup test
	@.ci/setup bench
	@/usr/bin/python3 Tests/Soak/soak.py --minutes $(MINUTES)

fmt:
	@swift format -i --parallel -r $(SOURCES)

lint:
	@swift format lint --strict --parallel -r $(SOURCES)

docs:
	@.ci/setup build
	@.ci/docs

clean:
	@rm -rf .build .bench weir
