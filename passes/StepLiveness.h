// When each buffer of a step is alive: from its first launch to its last, counted in launches.
#ifndef MOTLEY_PASSES_STEPLIVENESS_H
#define MOTLEY_PASSES_STEPLIVENESS_H

#include "dialect/Plan.h"
#include "llvm/ADT/MapVector.h"

namespace mlir::motley {

/// The buffer that a value looks at: through windows.
Value getStorage(Value buffer);

/// Bytes of a buffer, rounded up to its alignment.
int64_t getBufferBytes(MemRefType type);

/// The buffers of the arena that a step touches.
class StepLiveness {
public:
  struct Interval {
    int64_t first, last;
    bool overlaps(const Interval &other) const { return first <= other.last && other.first <= last; }
  };

  explicit StepLiveness(plan::StepOp step);

  /// The launches between which each alloc is alive, in the order of their first launch.
  const llvm::MapVector<Operation *, Interval> &getIntervals() const { return intervals; }
  ArrayRef<plan::LaunchOp> getLaunches() const { return launches; }

private:
  llvm::MapVector<Operation *, Interval> intervals;
  SmallVector<plan::LaunchOp> launches;
};

/// Whether a launch may write `result` over `input`: a kernel that reads each element of it before it writes that
/// element. Both are operands of the launch, of one type, `input` only read and `result` only written.
bool mayOverwrite(plan::LaunchOp launch, plan::KernelOp kernel, Value input, Value result);

} // namespace mlir::motley

#endif // MOTLEY_PASSES_STEPLIVENESS_H
