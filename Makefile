# SPDX-License-Identifier: MIT
VERSION = 0.1.0

# The program is $(O)/helper/cellos-helper, all else that is made stays below
# $(O)/.build; O is this folder unless the user names another one. `top` is O
# as a prefix ("", "dir/", "/dir/"). Variants of the build (sanitizers, other
# compilers) are makes of this file with another `objtree`.
ifneq ($(words $(O)),$(if $(O),1,0))
  $(error O=$(O): a path with spaces does not work)
endif
top		:= $(patsubst ./%,%,$(patsubst %/,%,$(or $(O),.))/)
objtree		:= $(top).build
kselftest	:= $(top).build/kselftest
program		:= $(top)helper/cellos-helper

given = $(filter-out default undefined,$(origin $1))
ifeq ($(call given,CC),)
  CC		:= $(if $(LLVM),clang,$(CROSS_COMPILE)gcc)
endif
ifeq ($(call given,CXX),)
  CXX		:= clang++
endif
ifeq ($(call given,AR),)
  AR		:= $(CROSS_COMPILE)ar
endif
HOSTCC		?= $(if $(LLVM),clang,cc)
CHECK		?= scripts/sparse.sh
WERROR		?= $(if $(filter 1 true,$(CI)),1)
PREFIX		?= /usr/local
INSTALL_HDR_PATH ?= $(top).build/usr
FUZZ_SECONDS	?= 60
export VERSION top objtree kselftest CC CXX AR HOSTCC HOSTCFLAGS HOSTLDFLAGS CHECK CHECKFLAGS WERROR

MAKEFLAGS += --no-builtin-rules --no-builtin-variables --no-print-directory

.PHONY: all
all: $(program)

include scripts/Kbuild.include
include scripts/Makefile.flags

# ---- the program ----

layers	:= lib nft backends helper
build	:= -f scripts/Makefile.build obj

.PHONY: $(layers)
$(layers): $(objtree)/toolchain.mk
	$(Q)$(MAKE) $(build)=$@

# helper links the program, with the archives of the others.
helper: lib nft backends
$(objtree)/helper/cellos-helper: helper ;

quiet_cmd_place = PLACE   $@
      cmd_place = install -D -m 0755 $< $@

$(program): $(objtree)/helper/cellos-helper
	$(call cmd,place)

quiet_cmd_toolchain = PROBE   $(CC)
      cmd_toolchain = mkdir -p $(@D); \
		      scripts/toolchain.sh $(CC) -- $(HOSTCC) -- $(cc-candidates) >$@

targets := $(objtree)/toolchain.mk
$(objtree)/toolchain.mk: scripts/toolchain.sh FORCE
	$(call if_changed,toolchain)

# What the sample cells execute.
.PHONY: samples
samples: $(objtree)/toolchain.mk
	$(Q)$(MAKE) $(build)=$@

# ---- tests ----

suites	  := selftests/unit selftests/root
harness	  := $(kselftest)/kselftest_harness.h
staged	  := scripts/run-staged.sh
need-root  = $(if $(filter 0,$(shell id -u)),,$(error make $@: needs root: try sudo make $@))
all-cpus   = $(if $(findstring jobserver,$(MAKEFLAGS)),,-j$(shell nproc))

.PHONY: selftests $(suites) selftests/bench selftests/fuzz asan
selftests: $(suites) samples

$(suites): $(harness)
$(suites) selftests/bench selftests/fuzz: helper
	$(Q)$(MAKE) $(build)=$@

asan: $(harness)
	$(Q)$(MAKE) objtree=$(objtree)/asan SANITIZE=1 selftests/unit

$(harness):
	$(Q)scripts/get-kselftest.sh $(@D)

# A folder that runs on hosts without compiler and source, too.
.PHONY: selftests-install
selftests-install: all selftests
	$(if $(INSTALL_PATH),,$(error make $@: where to? INSTALL_PATH=DIR))
	$(call cmd,install_selftests)

quiet_cmd_install_selftests = INSTALL $(INSTALL_PATH)
      cmd_install_selftests = scripts/install-selftests.sh --portable $(objtree) \
	$(INSTALL_PATH) $(suites)

# What installs packages goes step by step: nothing before them can be made.
.PHONY: run check check-unit check-asan check-root vmcheck bench fuzz
run:
	$(need-root)
	$(Q)scripts/install-deps.sh build run
	$(Q)$(MAKE) $(all-cpus) all samples
	$(Q)scripts/run-sample.sh $(objtree) $(or $(CELL),samples/hello.json)

check:
	$(need-root)
	$(Q)scripts/install-deps.sh build check vm
	$(Q)$(MAKE) $(all-cpus) WERROR=1 all selftests asan headers_check headerdep
	$(Q)$(staged) tests $(objtree) selftests/unit asan/selftests/unit selftests/root
	$(Q)$(MAKE) WERROR=1 vmcheck

check-unit: selftests/unit
	$(Q)$(staged) tests $(objtree) $<

check-asan: asan
	$(Q)$(staged) tests $(objtree) asan/selftests/unit

check-root: all selftests
	$(need-root)
	$(Q)$(staged) tests $(objtree) selftests/root

# VM_KERNELS= and VM_TESTS= choose.
vmcheck:
	$(Q)scripts/install-deps.sh build check vm
	$(Q)rm -rf $(objtree)/vm/selftests
	$(Q)$(MAKE) -s $(all-cpus) selftests-install INSTALL_PATH=$(objtree)/vm/selftests
	$(Q)scripts/vm/vmcheck.sh $(objtree)/vm/selftests $(objtree)/vm

bench:
	$(need-root)
	$(Q)scripts/install-deps.sh build bench
	$(Q)$(MAKE) $(all-cpus) all selftests/bench
	$(Q)$(staged) bench $(objtree) selftests/bench

fuzz: $(harness)
	$(Q)$(MAKE) objtree=$(objtree)/fuzz CC=clang SANITIZE=fuzz selftests/fuzz
	$(Q)scripts/run-fuzz.sh $(objtree)/fuzz/selftests/fuzz $(FUZZ_SECONDS)

# ---- headers ----

.PHONY: headers_install headers_check headerdep

quiet_cmd_headers_install = INSTALL $(INSTALL_HDR_PATH)/include/cellos.h
      cmd_headers_install = install -D -m 0644 -t $(INSTALL_HDR_PATH)/include uapi/cellos.h

headers_install:
	$(call cmd,headers_install)

headers_check: $(objtree)/toolchain.mk $(harness)
	$(Q)$(MAKE) -f scripts/Makefile.headers

headerdep:
	$(Q)scripts/headerdep.sh

# ---- lint ----

man	 = $(wildcard Documentation/*.[578])
scripts	 = $(shell grep -rlE '^\#!/bin/(ba|busybox )?sh' .ci scripts samples selftests)
lints	:= $(addprefix lint-,shell man cppcheck sparse analyzer clang)

.PHONY: lint $(lints)
lint:
	$(Q)scripts/install-deps.sh build lint
	$(Q)$(MAKE) $(all-cpus) -k $(lints) headers_check headerdep

quiet_cmd_lint-shell = LINT    shell scripts
      cmd_lint-shell = shellcheck $(scripts)
quiet_cmd_lint-man = LINT    manual pages
      cmd_lint-man = mandoc -T lint -W warning $(man) </dev/null
# cppcheck does not know attribute cleanup, so it sees leaks (the analyzer looks
# for those), and some statement expressions.
quiet_cmd_lint-cppcheck = LINT    cppcheck
      cmd_lint-cppcheck = cppcheck --quiet --error-exitcode=1 --inline-suppr \
	--enable=warning,performance,portability --std=c11 \
	--library=gnu --library=scripts/cppcheck.cfg \
	$(addprefix --suppress=,missingIncludeSystem memleak resourceLeak internalAstError) \
	-D_GNU_SOURCE -D__linux__ -D__x86_64__ -DCELLOS_VERSION='""' -I. uapi $(layers)

lint-shell lint-man lint-cppcheck:
	$(call cmd,$@)

lint-sparse:
	$(Q)$(MAKE) objtree=$(objtree)/sparse C=1 WERROR=1 helper

# It loses sight of strings that a structure owns, across files; valgrind and ASan do not.
fanalyzer := -fanalyzer -Wno-analyzer-malloc-leak
lint-analyzer:
	$(Q)$(MAKE) objtree=$(objtree)/analyzer CC=gcc WERROR=1 \
		CFLAGS='$(CFLAGS) $(fanalyzer)' HOSTCC=gcc HOSTCFLAGS='$(fanalyzer)' helper

lint-clang: $(harness)
	$(Q)$(MAKE) objtree=$(objtree)/clang CC=clang HOSTCC=clang WERROR=1 selftests

# ---- install, clean, help ----

.PHONY: install clean help
prefix	 = $(DESTDIR)$(PREFIX)
docs	 = $(prefix)/share/doc/cellos-helper

install: all
	$(Q)install -D -m 0755 -t $(prefix)/sbin $(program)
	$(Q)set -e; $(foreach m,$(man),install -D -m 0644 -t \
		$(prefix)/share/man/man$(subst .,,$(suffix $m)) $m;)
	$(Q)mkdir -p $(docs) && cp -R samples $(docs)
	$(Q)$(MAKE) headers_install INSTALL_HDR_PATH=$(prefix)

# With O= the folder helper/ is ours too, once it is empty.
clean:
	$(Q)rm -rf $(top).build $(program)
	$(Q)[ helper -ef $(top)helper ] || rmdir $(top)helper 2>/dev/null || :

define help-text
The CellOS privileged helper, version $(VERSION)

Build
  all (or nothing)   helper/cellos-helper
  selftests          the test programs
  selftests-install  to INSTALL_PATH: tests for a host without compiler and source;
                     run-selftests.sh there runs them
  install            below DESTDIR and PREFIX: program, manual, header, samples
  headers_install    uapi/cellos.h alone, to INSTALL_HDR_PATH/include
  clean              remove everything that was made

Use and test; these install the Debian packages that are missing
  run                (root) run a sample cell: make run CELL=samples/....json
  check              (root) every test, on this host, then in guests
  vmcheck            in guests only: Debian's 6.1 and 6.12 kernels, emulated
  bench              (root) the table of Documentation/performance.md
  lint               static checks, each also alone:
                     $(lints)

Parts of check
  check-unit         tests that need no root; no package is installed, here and below
  check-asan         the same, under address and undefined-behaviour sanitizers
  check-root         tests that need root
  headers_check      each header compiles alone, the public one as C90 and C++ too
  headerdep          who includes whom

  fuzz               FUZZ_SECONDS for each fuzz target (60)

Variables
  O=DIR              build into DIR: DIR/helper/cellos-helper
  V=1                say commands in full
  W=1, W=2           more warnings, even more
  WERROR=1           warnings are errors (as with CI=true)
  C=1, C=2           run sparse on what is recompiled, on everything
  LLVM=1             clang; or CC=, CROSS_COMPILE=, CFLAGS=, CPPFLAGS=, LDFLAGS=
  HOSTCC=cc          for what runs during the build; HOSTCFLAGS=, HOSTLDFLAGS=
  DESTDIR=, PREFIX=  where install puts things ($(PREFIX))
  VM_KERNELS, VM_TESTS  which guests, which tests: VM_TESTS="run_exit_test text_test"
  KSRC=DIR           take the test harness from a kernel tree, not from Debian's
endef

help:
	$(info $(help-text))
	@:

$(call read-cmdfiles)
