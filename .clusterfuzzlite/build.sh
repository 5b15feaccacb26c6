#!/bin/bash
# Builds the fuzz targets into $OUT, each with its seeds, its dictionary and its options, as ClusterFuzzLite wants them.
#
# Two kinds of target stay out. The canary must crash, which would be reported as a finding every time; `selvedge fuzz` runs it. And
# ClusterFuzzLite knows the address sanitizer only for Rust, which does not go together with the coroutines that the schedules
# of cond_* run on.
set -euo pipefail

sanitizer=${SANITIZER:-address}
triple=$(rustc -vV | sed -n 's/^host: //p')
for source in fuzz/fuzz_targets/*.rs; do
    target=$(basename "$source" .rs)
    case $target in
    canary) continue ;;
    cond_*) [ "$sanitizer" = none ] || continue ;;
    esac
    cargo fuzz build --target "$triple" --sanitizer "$sanitizer" "$target"
    cp "fuzz/target/$triple/release/$target" "$OUT/"

    seeds=()
    for folder in "fuzz/seeds/$target" "fuzz/regressions/$target"; do
        [ ! -d "$folder" ] || seeds+=("$folder")
    done
    [ "$target" != litmus_parse ] || seeds+=(verify/litmus)
    [ ${#seeds[@]} -eq 0 ] || zip -qr "$OUT/${target}_seed_corpus.zip" "${seeds[@]}"
    [ ! -f "fuzz/dict/$target.dict" ] || cp "fuzz/dict/$target.dict" "$OUT/"

    # The same limit as `selvedge fuzz` has.
    max_len=$(sed -n "s/^$target = {.*max_len = \([0-9]*\).*/\1/p" fuzz/Cargo.toml)
    [ -z "$max_len" ] || printf '[libfuzzer]\nmax_len = %s\n' "$max_len" >"$OUT/$target.options"
done
