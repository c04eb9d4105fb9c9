// What bulk copies, tensor copies and asynchronous stores share. Private to engine/.
#pragma once

#include "engine/BulkReduce.h"
#include "engine/Mbarrier.h"

namespace ptxsim {

/// A copy that completes on an mbarrier and lands in any order with others.
void issueOnMbarrier(Thread &thread, Cta &destination, std::unique_ptr<PendingCopy> copy);

/// A copy of the thread's bulk-group queue. In fixed schedules it lands before this returns.
void issueInGroup(Thread &thread, CopyQueue &queue, uint64_t operation, std::unique_ptr<PendingCopy> copy);

/// Blocks of the cluster that a multicast copy writes, as shared addresses: the offset of `address` in each.
struct Multicast {
  unsigned count = 0;
  uint32_t ranks[16];
};
/// The blocks named by a mask; a fatal finding if it names none or one that does not exist.
Multicast multicastOf(Thread &thread, const Site *site, uint64_t mask);
/// The same offset in the block of that rank.
inline uint64_t inBlock(uint64_t address, uint32_t rank) {
  return (address & ((uint64_t(1) << kSharedRankShift) - 1)) | uint64_t(rank + 1) << kSharedRankShift;
}

/// A barrier that is not in the block of the bytes that complete on it: a finding.
void checkSameBlock(Thread &thread, const Site *site, const MbarrierPlace &barrier, const Location &bytes);

/// Combines elements, or copies without a reducer. Definedness of a result needs both sides.
void moveBytes(Bytes to, Bytes from, uint64_t bytes, Reducer reducer, unsigned elementBytes);

// The parts of bindBulkCopy.
void bindTensorCopy(Site &site);
bool bindAsyncStore(Site &site);

} // namespace ptxsim
