// Random microbatches: rows whose fields fit together, as the loader would give them.
#ifndef MOTLEY_TOOLS_INTERP_RANDOMROWS_H
#define MOTLEY_TOOLS_INTERP_RANDOMROWS_H

#include "tools/interp/Interpreter.h"
#include <map>

namespace mlir::motley::interp {

/// splitmix64: a small generator whose stream is the same everywhere.
class RandomStream {
public:
  explicit RandomStream(uint64_t seed) : state(seed) {}
  uint64_t next();
  /// In [0, 1).
  double unit() { return double(next() >> 11) * 0x1p-53; }
  /// In [0, bound).
  int64_t below(int64_t bound) { return int64_t(next() % uint64_t(bound)); }

private:
  uint64_t state;
};

using RowFields = std::map<Field, Tensor>;

/// Fields of `numRows` rows of which `numLive` are live: a few documents, tokens of all modalities in runs (a run of
/// another modality than the first is a span), some rows without target, weights in [0.5, 1.5). Dead rows hold ids that
/// are out of range everywhere. `vocabulary` counts where the module declares no modality.
RowFields randomRows(ModuleOp module, int64_t numRows, int64_t numLive, int64_t vocabulary, RandomStream &random);

} // namespace mlir::motley::interp

#endif // MOTLEY_TOOLS_INTERP_RANDOMROWS_H
