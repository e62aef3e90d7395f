# Each target works on a fresh Debian 12 that has Swift 6.3: .ci/setup installs what is missing.

CHECKED = --explicit-target-dependency-import-check error
RELEASE = swift build -c release --static-swift-stdlib $(CHECKED)
SOURCES = Sources Tests examples Package.swift
MINUTES ?= 10

# What `make install` goes by. STRIP keeps the symbol table, so that the back trace of a crash has
# names; STRIP=: leaves the binary as it is.
PREFIX ?= /usr/local
BINDIR ?= $(PREFIX)/bin
MANDIR ?= $(PREFIX)/share/man
DOCDIR ?= $(PREFIX)/share/doc/weir
UNITDIR ?= $(PREFIX)/lib/systemd/system
SYSUSERSDIR ?= $(PREFIX)/lib/sysusers.d
BASHDIR ?= $(PREFIX)/share/bash-completion/completions
ZSHDIR ?= $(PREFIX)/share/zsh/site-functions
FISHDIR ?= $(PREFIX)/share/fish/vendor_completions.d
STRIP ?= strip --strip-debug
BINARY ?= .build/release/weir
INSTALL ?= install

.PHONY: run build test bench soak install uninstall fmt lint docs clean

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

# As root, or into a folder with DESTDIR. Root builds nothing that is built already.
install:
	@[ -x $(BINARY) ] || $(MAKE) build
	@$(INSTALL) -D -m 0755 $(BINARY) "$(DESTDIR)$(BINDIR)/weir"
	@$(STRIP) "$(DESTDIR)$(BINDIR)/weir"
	@$(INSTALL) -D -m 0644 Packaging/weir.8 "$(DESTDIR)$(MANDIR)/man8/weir.8"
	@$(INSTALL) -D -m 0644 Packaging/weir.yaml.5 "$(DESTDIR)$(MANDIR)/man5/weir.yaml.5"
	@$(INSTALL) -D -m 0644 Packaging/completions/weir.bash "$(DESTDIR)$(BASHDIR)/weir"
	@$(INSTALL) -D -m 0644 Packaging/completions/_weir "$(DESTDIR)$(ZSHDIR)/_weir"
	@$(INSTALL) -D -m 0644 Packaging/completions/weir.fish "$(DESTDIR)$(FISHDIR)/weir.fish"
	@$(INSTALL) -D -m 0644 Packaging/weir.sysusers "$(DESTDIR)$(SYSUSERSDIR)/weir.conf"
	@$(INSTALL) -D -m 0644 README.md "$(DESTDIR)$(DOCDIR)/README.md"
	@$(INSTALL) -d "$(DESTDIR)$(DOCDIR)/examples/lists" "$(DESTDIR)$(UNITDIR)"
	@$(INSTALL) -m 0644 examples/*.yaml "$(DESTDIR)$(DOCDIR)/examples"
	@$(INSTALL) -m 0644 examples/lists/* "$(DESTDIR)$(DOCDIR)/examples/lists"
	@sed 's|@DOC@|$(DOCDIR)|' Packaging/weir.yaml >"$(DESTDIR)$(DOCDIR)/weir.yaml"
	@sed 's|@BIN@|$(BINDIR)|; s|@DOC@|$(DOCDIR)|' Packaging/weir.service \
	    >"$(DESTDIR)$(UNITDIR)/weir.service"
	@chmod 0644 "$(DESTDIR)$(DOCDIR)/weir.yaml" "$(DESTDIR)$(UNITDIR)/weir.service"
	@echo "weir is in $(DESTDIR)$(BINDIR); how to start it as a service: $(UNITDIR)/weir.service"

# Configuration, state and the user stay.
uninstall:
	@rm -f "$(DESTDIR)$(BINDIR)/weir" "$(DESTDIR)$(MANDIR)/man8/weir.8" \
	    "$(DESTDIR)$(MANDIR)/man5/weir.yaml.5" "$(DESTDIR)$(BASHDIR)/weir" \
	    "$(DESTDIR)$(ZSHDIR)/_weir" "$(DESTDIR)$(FISHDIR)/weir.fish" \
	    "$(DESTDIR)$(SYSUSERSDIR)/weir.conf" "$(DESTDIR)$(UNITDIR)/weir.service"
	@rm -rf "$(DESTDIR)$(DOCDIR)"

fmt:
	@swift format -i --parallel -r $(SOURCES)

lint:
	@swift format lint --strict --parallel -r $(SOURCES)

docs:
	@.ci/setup build
	@.ci/docs

clean:
	@rm -rf .build .bench weir
