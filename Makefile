# The words of the house. `make run` and `make test` are all that a newcomer needs.

PREFIX  ?= /usr/local
DESTDIR ?=
CARGO   ?= cargo
# Where the packages go.
DIST    ?= dist
# A binary that exists already, for `install` and the packages; else the release one is built.
BINARY  ?=

version := $(shell sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
target  := $(shell rustc -vV | sed -n 's/^host: //p')
binary  := $(or $(BINARY),$(or $(CARGO_TARGET_DIR),target)/release/openclaw)
bundle  := openclaw-$(version)-$(target)
cargo_home := $(or $(CARGO_HOME),$(HOME)/.cargo)

# The same source gives the same bytes, wherever it is built: no path of this machine is in them, and no time of today.
export SOURCE_DATE_EPOCH ?= $(or $(shell git log -1 --format=%ct 2>/dev/null),0)
remapped := --remap-path-prefix=$(CURDIR)=/build --remap-path-prefix=$(cargo_home)=/cargo
build := RUSTFLAGS="$(RUSTFLAGS) $(remapped)" \
  CFLAGS="$(CFLAGS) -ffile-prefix-map=$(CURDIR)=/build -ffile-prefix-map=$(cargo_home)=/cargo" $(CARGO) build --release

# Everything that `install` brings, as from $(PREFIX); `uninstall` takes it away again and nothing else.
share := share/openclaw
pages  = $(shell $(binary) man --names)
zsh   ?= share/zsh/site-functions
units := $(notdir $(wildcard packaging/systemd/*.service packaging/systemd/*.socket))

.PHONY: run test check bench fuzz package deb stage sbom install uninstall release
.DEFAULT_GOAL := run

## run: build, start the profile `work` on the embedded gateway, say how to talk to it and how to stop it
run: release
	@$(binary) profile show work >/dev/null 2>&1 || $(binary) profile create work --runtime embedded
	@$(binary) profile start work
	@$(binary) --profile work health
	@printf '\n%s\n' 'openclaw here is $(binary); make install puts it on PATH.' \
	  'End everything: $(binary) supervisor stop'

## test: install what the tests need (once), then run them all; the last lines are the runner's own
test:
	@packaging/tools cargo-deb || echo "make test: cargo-deb cannot be had; the package is not tested" >&2
	@folder=$$(tests/real/install) && export OPENCLAW_TEST_NPM="$$folder" && \
	if $(CARGO) nextest --version >/dev/null 2>&1; then $(CARGO) nextest run; else $(CARGO) test; fi

## check: everything that a machine can say without running the program
check:
	$(CARGO) fmt --check
	$(CARGO) clippy --all-targets -- -D warnings
	RUSTDOCFLAGS='-D warnings' $(CARGO) doc --no-deps --document-private-items

## bench: one table of medians, each beside what it is compared with, in one run; PART=fleet measures a part alone
# The harness comes first: building it leaves a binary of the bench profile where the release one must stand.
bench:
	@house=$$($(CARGO) bench --bench house --no-run --message-format=json-render-diagnostics | \
	  sed -n 's/.*"executable":"\([^"]*house-[^"]*\)".*/\1/p') && \
	$(build) --bin openclaw --example tiny-child --example minimal-client && \
	"$$house" $(PART)

## fuzz: let a fuzzer make up what comes in from outside, SECONDS=180 for each target; TARGET=frames runs one alone
# It takes the nightly compiler. The libraries are those of the program; what is found lies in fuzz/artifacts.
SECONDS ?= 180
TARGET  ?= $(notdir $(basename $(wildcard fuzz/fuzz_targets/*.rs)))
fuzz:
	@packaging/tools cargo-fuzz
	@cp Cargo.lock fuzz/Cargo.lock
	@for target in $(TARGET); do mkdir -p fuzz/corpus/$$target && \
	  $(CARGO) +nightly fuzz run $$target fuzz/corpus/$$target fuzz/seeds/$$target -- \
	    -max_total_time=$(SECONDS) || exit 1; done

## package: dist/openclaw-VERSION-TARGET.tar.gz, the .deb and the list of what is in them
package: sbom deb
	@rm -rf $(DIST)/$(bundle)
	@$(MAKE) --no-print-directory install BINARY=$(binary) DESTDIR=$(DIST)/$(bundle) PREFIX= >/dev/null
	@cp README.md LICENSE CHANGELOG.md $(DIST)/$(bundle)/
	@tar -C $(DIST) --sort=name --mtime=@$(SOURCE_DATE_EPOCH) --owner=0 --group=0 --numeric-owner -cf - $(bundle) | \
	  gzip -n9 >$(DIST)/$(bundle).tar.gz
	@rm -rf $(DIST)/$(bundle)
	@cd $(DIST) && sha256sum *.tar.gz *.deb *.cdx.json >SHA256SUMS && cat SHA256SUMS

## deb: the Debian package alone; DEB_FLAGS=--fast packs it less tightly
deb: stage
	@packaging/tools cargo-deb
	@$(CARGO) deb --quiet --no-build --no-strip --output $(DIST)/ $(DEB_FLAGS)

# What the package holds, as it will stand below /.
stage: $(if $(BINARY),,release)
	@rm -rf dist/stage && $(MAKE) --no-print-directory install BINARY=$(binary) DESTDIR=dist/stage PREFIX=/usr \
	  zsh=share/zsh/vendor-completions >/dev/null
	@find dist/stage -exec touch -h -d @$(SOURCE_DATE_EPOCH) {} +

## sbom: dist/openclaw-VERSION.cdx.json, every library of the program with its version and licence (CycloneDX)
sbom:
	@packaging/tools cargo-cyclonedx
	@mkdir -p $(DIST) && $(CARGO) cyclonedx --quiet --format json --target $(target) --override-filename openclaw-sbom
	@sed 's|$(CURDIR)|/build|g' openclaw-sbom.json >$(DIST)/openclaw-$(version).cdx.json && rm openclaw-sbom.json

## install: binary, units, completions, manual pages, templates and documents below $(DESTDIR)$(PREFIX)
install: $(if $(BINARY),,release)
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/share/man/man1 \
	  $(DESTDIR)$(PREFIX)/$(share)/profiles $(DESTDIR)$(PREFIX)/$(share)/docs \
	  $(DESTDIR)$(PREFIX)/lib/systemd/user \
	  $(DESTDIR)$(PREFIX)/share/bash-completion/completions \
	  $(DESTDIR)$(PREFIX)/$(zsh) \
	  $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d
	install -m 755 $(binary) $(DESTDIR)$(PREFIX)/bin/openclaw.new
	mv -f $(DESTDIR)$(PREFIX)/bin/openclaw.new $(DESTDIR)$(PREFIX)/bin/openclaw
	install -m 644 profiles/*.toml $(DESTDIR)$(PREFIX)/$(share)/profiles/
	install -m 644 docs/*.md $(DESTDIR)$(PREFIX)/$(share)/docs/
	for unit in $(units); do \
	  sed 's|/usr/bin/openclaw|$(PREFIX)/bin/openclaw|g' packaging/systemd/$$unit \
	    >$(DESTDIR)$(PREFIX)/lib/systemd/user/$$unit || exit 1; done
	$(binary) completions bash >$(DESTDIR)$(PREFIX)/share/bash-completion/completions/openclaw
	$(binary) completions zsh >$(DESTDIR)$(PREFIX)/$(zsh)/_openclaw
	$(binary) completions fish >$(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/openclaw.fish
	$(binary) man >$(DESTDIR)$(PREFIX)/share/man/man1/openclaw.1
	for page in $(pages); do \
	  $(binary) man $$page >$(DESTDIR)$(PREFIX)/share/man/man1/openclaw-$$page.1 || exit 1; done
	chmod -R u=rwX,go=rX $(DESTDIR)$(PREFIX)/$(share)

## uninstall: takes away what `install` brought; what users have in their homes stays
uninstall:
	rm -f $(DESTDIR)$(PREFIX)/bin/openclaw \
	  $(DESTDIR)$(PREFIX)/share/man/man1/openclaw.1 $(DESTDIR)$(PREFIX)/share/man/man1/openclaw-*.1 \
	  $(DESTDIR)$(PREFIX)/share/bash-completion/completions/openclaw \
	  $(DESTDIR)$(PREFIX)/$(zsh)/_openclaw \
	  $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/openclaw.fish \
	  $(addprefix $(DESTDIR)$(PREFIX)/lib/systemd/user/,$(units))
	rm -rf $(DESTDIR)$(PREFIX)/$(share)

release:
	@$(build) --bin openclaw
