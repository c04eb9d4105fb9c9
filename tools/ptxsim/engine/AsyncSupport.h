// What the asynchronous families share: operand slots, moving bytes with their definedness, and queues of copies.
// Private to engine/.
#pragma once

#include "engine/AsyncState.h"
#include "engine/Scheduler.h"

#include <string>

namespace ptxsim {

/// First source slot of each operand of the instruction (see Handler); -1 for the `written` first ones.
std::vector<int> sourceSlots(const ptx::Instruction &instruction, unsigned written = 0);

inline bool isUndefined(const Thread &thread, const Site *site, const uint64_t *in, unsigned slot) {
  return thread.grid->poison && in[site->numSources + slot];
}
void checkAddress(Thread &thread, const Site *site, const uint64_t *in, unsigned slot); ///< a poison finding
void checkOperand(Thread &thread, const Site *site, const uint64_t *in, unsigned slot);
/// Stores a defined result.
inline void setResult(const Thread &thread, const Site *site, uint64_t *out, unsigned slot, uint64_t value) {
  out[slot] = value;
  if (thread.grid->poison)
    out[site->numResults + slot] = 0;
}

/// The space that the instruction names for its shared operand; Generic if it names none.
ptx::Space sharedSpaceOf(const ptx::Instruction &instruction);

std::string hexadecimal(uint64_t value);

// --- bytes ---
/// A source or destination once it is resolved: bytes and their definedness (null: all defined, or not tracked).
struct Bytes {
  uint8_t *host = nullptr, *shadow = nullptr;
  Bytes() = default;
  Bytes(const Location &where) : host(where.host), shadow(where.shadow) {}
  Bytes operator+(uint64_t offset) const {
    Bytes moved;
    moved.host = host + offset;
    moved.shadow = shadow ? shadow + offset : nullptr;
    return moved;
  }
};
void copyBytes(Bytes to, Bytes from, uint64_t bytes);
void zeroBytes(Bytes to, uint64_t bytes); ///< defined zeros
/// From issue to landing: nobody may read these bytes, and who does shall notice.
void spoilBytes(Bytes to, uint64_t bytes);

// --- threads and queues ---
AsyncThread &asyncOf(Thread &thread);
AsyncCta &asyncOf(Cta &cta);
enum class QueueKind : uint8_t { Copies, Bulk };
CopyQueue &queueOf(Thread &thread, QueueKind kind);
/// Counts an operation and gives its number; makes the agent at the first.
uint64_t newOperation(Thread &thread, CopyQueue &queue, QueueKind kind);
/// Random schedules: the copy lands when the scheduler says so, in the order of groups.
void issueCopy(Thread &thread, CopyQueue &queue, uint64_t operation, std::unique_ptr<PendingCopy> copy);
void commitGroup(CopyQueue &queue);
/// Waits until at most `allowed` groups are incomplete. `readsOnly`: only the sources must have been read.
void waitGroups(Thread &thread, CopyQueue &queue, uint64_t allowed, bool readsOnly);
/// Whether all operations up to this one have landed.
bool hasLanded(const CopyQueue &queue, uint64_t operation);

/// Notes a store from shared to global memory in a bulk group. True if another lane of the warp has issued the very same
/// one, operand by operand: libraries let the whole warp execute it, since equal bytes are written again. The repetition
/// is no second writer then.
bool repeatsStore(Thread &thread, const Site *site, const uint64_t *in, CopyQueue &queue, uint64_t operation);

/// A copy's destination in shared memory overlaps a live mbarrier: a finding, and true.
bool overlapsBarrier(Thread &thread, const Site *site, const Location &where, uint64_t bytes);

} // namespace ptxsim
