// The floating-point peak of one core, measured.
#ifndef MOTLEY_TOOLS_BENCH_PEAK_H
#define MOTLEY_TOOLS_BENCH_PEAK_H

/// GFLOP/s of independent chains on registers: of fma in f32, or of sums of products of pairs of bf16 where `isBf16` and
/// the level has them. `level` is MOTLEY_LEVEL_*. The best of several short runs.
double measurePeak(int level, bool isBf16);

/// Time since some fixed moment. Not the thread's processor time: that is off by microseconds either way.
double secondsNow();

#endif // MOTLEY_TOOLS_BENCH_PEAK_H
