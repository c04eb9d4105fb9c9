// The floating-point peak of one core, measured.
#ifndef MOTLEY_TOOLS_BENCH_PEAK_H
#define MOTLEY_TOOLS_BENCH_PEAK_H

/// fp32 GFLOP/s of independent chains of fma on registers; `level` is MOTLEY_LEVEL_*. The best of several short runs.
double measurePeak(int level);

/// Time since some fixed moment. Not the thread's processor time: that is off by microseconds either way.
double secondsNow();

#endif // MOTLEY_TOOLS_BENCH_PEAK_H
