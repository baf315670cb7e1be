# The recipes that `.ci/run` runs. `just` alone lists them.
#
# Recipes below "With the parts" need the programs that `just parts` installs into .parts/, or into the folder that
# TICKERLAKE_PARTS names.

export TICKERLAKE_PARTS := env("TICKERLAKE_PARTS", justfile_directory() / ".parts")
export CARGO_TARGET_DIR := env("CARGO_TARGET_DIR", justfile_directory() / "target")
# Installed programs go before those of PATH.
export PATH := TICKERLAKE_PARTS / "bin" + ":" + env("PATH")

programs := CARGO_TARGET_DIR / "debug"

# List the recipes
default:
    @just --list --unsorted

# Run everything that needs no parts: before each commit
check: fmt lint test docs architecture

# Run everything that CI runs, in CI's order
ci:
    .ci/run

# Feed the sample through the whole pipeline and print the answers of the saved queries
run *ARGUMENTS:
    cargo run -- run {{ ARGUMENTS }}

# Run the tests that need only the build
test *ARGUMENTS:
    cargo test --workspace {{ ARGUMENTS }}

# Check the format of the Rust sources
fmt:
    cargo fmt --all --check

# Run clippy, with warnings as errors
lint:
    cargo clippy --workspace --all-targets -- -D warnings

# Build the API documentation, with warnings as errors
docs:
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --quiet

# Check the direction of crates and modules, and test the check
architecture:
    python3 -B -m unittest tests/architecture/test_check.py
    tests/architecture/check

# Print the crates as a tree and as a Mermaid diagram
picture:
    tests/architecture/check --picture

# Make market files from a seed, and check that the producer reads them as they were written (`--files 2000`: more of them)
market *ARGUMENTS='--files 500': programs
    python3 -B -m unittest tests/market/test_check.py
    tests/market/check --producer {{ programs }}/producer {{ ARGUMENTS }}

# --- With the parts -------------------------------------------------------------------------------------------------

# Install what the recipes below need; further arguments are programs, or PROGRAM:PACKAGE of Debian
parts *PROGRAMS:
    tests/install-parts {{ PROGRAMS }}

# Run the tests marked `#[ignore]`
test-parts:
    # Alone, because the build takes minutes, which the waits of the other tests do not allow for.
    cargo test --workspace --test pipeline -- --ignored sam_build
    cargo test --workspace -- --ignored

# Build the programs that the next recipes run
programs:
    cargo build --quiet --workspace --bins

# Run the Kafka clients of Debian, PyPI and Go, and random requests, against `tickerlake up` and Apache Kafka
clients: programs
    tests/clients/install --ci
    tests/clients/matrix --ci --apache --up {{ programs }}/tickerlake --jobs 3 --limit 60 --page docs/src/reference/kafka-clients.md
    tests/clients/differential --apache --up {{ programs }}/tickerlake --seconds 30 --sequences 1000

# Run all Kafka clients, with Java and Node too, and write the book's table (half an hour; not part of CI)
all-clients *ARGUMENTS: programs
    tests/clients/install
    tests/clients/matrix --apache --up {{ programs }}/tickerlake --write-page docs/src/reference/kafka-clients.md {{ ARGUMENTS }}

# Run the broker's boot script with Apache Kafka
broker: programs
    deploy/checks/broker/check {{ programs }}/producer {{ programs }}/tickerlake

# Boot the broker's instance in a virtual machine, kill it and boot its replacement (ten minutes; installs QEMU)
machine *ARGUMENTS: programs
    deploy/checks/machine/run {{ programs }}/producer {{ ARGUMENTS }}

# Run the saved queries, the view and the history's statements in Trino
catalog: programs
    tests/catalog/check {{ programs }}/producer {{ programs }}/tickerlake {{ programs }}/sink

# Check the template and deploy it to moto's CloudFormation
templates:
    deploy/checks/template/check
    deploy/checks/template/stack

# Check the console in Chromium: every view, themes, keyboard, accessibility, hostile records and requests
console *ARGUMENTS: programs
    crates/console/assets/vendor/refresh --check
    tests/console/install
    tests/console/check {{ ARGUMENTS }}

# Press every button of the console's lab in random order for ten minutes (not part of CI, which does so for 20 seconds)
lab SEED="1129" SECONDS="600" *ARGUMENTS: programs
    tests/console/install
    tests/console/check --seed {{ SEED }} --seconds {{ SECONDS }} {{ ARGUMENTS }} lab

# Make the screenshots of the README and of the book again, from the sample and a fixed seed
screenshots SEED="1129": programs
    tests/console/install
    tests/console/check --module screenshots --seed {{ SEED }} --screenshots docs/src/images

# Kill `up` while a producer feeds it, and check that each row is stored once (`--kills 50`: more often)
kills *ARGUMENTS='--kills 4 --rate 5000 --seed 1129': programs
    tests/kills/check --bin {{ programs }} {{ ARGUMENTS }}

# Run the SAM CLI against a simulated account: pinned parameters, the prebuilt function, each way to deploy
sam:
    deploy/checks/sam/check

# Run the function that `sam build` makes, and the guide's Python function, in AWS's Runtime Interface Emulator
runtime: programs
    deploy/checks/runtime/build "{{ CARGO_TARGET_DIR }}/sam-build"
    deploy/checks/runtime/check "{{ CARGO_TARGET_DIR }}/sam-build/build/Sink/bootstrap"
    deploy/checks/runtime/guide {{ programs }}/producer {{ programs }}/tickerlake

# Run the S3 clients of the book's page against `tickerlake up` (clients from PyPI and Go; not part of CI)
s3-clients *CLIENTS: programs
    tests/s3-clients/check --install {{ CLIENTS }}
    tests/s3-clients/check --bin {{ programs }} {{ CLIENTS }}

# Store records on S3 servers of others, with kills and delays (builds MinIO and others; not part of CI)
s3-servers *SERVERS: programs
    tests/s3-servers/check --install {{ SERVERS }}
    tests/s3-servers/check --bin {{ programs }} {{ SERVERS }}

# Run the smoke test of a deployed stack against a substitute for AWS
aws: programs
    deploy/checks/smoke/check {{ programs }}/producer {{ programs }}/tickerlake

# Try the benchmarks in a debug build at a small size: shows that they run, measures nothing
bench-small:
    BENCH_PROFILE=debug bench/sink --runs 3
    BENCH_PROFILE=debug bench/producers --records 20000 --slow-records 200 --runs 1
    BENCH_PROFILE=debug bench/freshness --rates 100 --windows 0 --seconds 3
    BENCH_PROFILE=debug bench/scaling --sizes 10000 20000
    BENCH_PROFILE=debug bench/sql --rows 20000 --runs 1

# Build the book and check its links
book:
    docs/check --require-book

# Look for turns of phrase that the project avoids, and test the rules; paths limit the search
prose *PATHS:
    python3 -B -m unittest tests/prose/test_prose.py
    tests/prose/check {{ PATHS }}

# Draw doc comments and messages at random, for a reader to judge
prose-sample SEED COMMENTS="180" MESSAGES="120":
    tests/prose/sample --seed {{ SEED }} --comments {{ COMMENTS }} --messages {{ MESSAGES }}

# Check the spelling
typos:
    typos

# Check licences, banned crates and sources (advisories need a database from the network)
deps:
    cargo deny --all-features check bans licenses sources

# Check the workflows of GitHub Actions, and that dist's configuration and its generated workflow agree
workflows:
    actionlint
    dist generate --check
    dist plan

# Build the function for a release, as bootstrap-arm64.zip and bootstrap-x86_64.zip in target/distrib/
function-zips:
    deploy/function-zips

# Check compose.yaml, build the image without a container engine and run it (as root; needs `deploy/image/check --install`)
image: programs
    deploy/image/check --bin {{ programs }}

# Check the shell scripts
shell:
    git grep -lE '^#!/.*sh\b' -- . | xargs shellcheck
