# The words of the house. `make run` and `make test` are all that a newcomer needs.

PREFIX  ?= /usr/local
DESTDIR ?=
CARGO   ?= cargo

version := $(shell sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
target  := $(shell rustc -vV | sed -n 's/^host: //p')
binary  := $(or $(CARGO_TARGET_DIR),target)/release/openclaw
bundle  := openclaw-$(version)-$(target)

.PHONY: run test check bench package install release
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
	$(CARGO) build --release --bin openclaw --example tiny-child --example minimal-client && \
	"$$house" $(PART)

## package: dist/openclaw-VERSION-TARGET.tar.gz
package: release
	@rm -rf dist/$(bundle)
	@$(MAKE) --no-print-directory install DESTDIR=dist/$(bundle) PREFIX=
	@cp README.md LICENSE CHANGELOG.md dist/$(bundle)/
	@tar -C dist --sort=name --owner=0 --group=0 --numeric-owner -czf dist/$(bundle).tar.gz $(bundle)
	@rm -rf dist/$(bundle)
	@echo dist/$(bundle).tar.gz

## install: binary, completions, man page and profile templates below $(DESTDIR)$(PREFIX)
install: release
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/share/man/man1 \
	  $(DESTDIR)$(PREFIX)/share/openclaw/profiles \
	  $(DESTDIR)$(PREFIX)/share/bash-completion/completions \
	  $(DESTDIR)$(PREFIX)/share/zsh/site-functions \
	  $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d
	install -m 755 $(binary) $(DESTDIR)$(PREFIX)/bin/openclaw
	install -m 644 profiles/*.toml $(DESTDIR)$(PREFIX)/share/openclaw/profiles/
	$(binary) completions bash >$(DESTDIR)$(PREFIX)/share/bash-completion/completions/openclaw
	$(binary) completions zsh >$(DESTDIR)$(PREFIX)/share/zsh/site-functions/_openclaw
	$(binary) completions fish >$(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/openclaw.fish
	$(binary) man >$(DESTDIR)$(PREFIX)/share/man/man1/openclaw.1

release:
	@$(CARGO) build --release --bin openclaw
