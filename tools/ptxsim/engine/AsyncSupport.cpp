#include "engine/AsyncSupport.h"

#include "check/Poison.h"

#include "llvm/ADT/Hashing.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"

#include <cstring>

namespace ptxsim {

std::vector<int> sourceSlots(const ptx::Instruction &instruction, unsigned written) {
  using Kind = ptx::Operand::Kind;
  std::vector<int> slots;
  int next = 0;
  for (const ptx::Operand &operand : instruction.operands) {
    if (slots.size() < written) {
      slots.push_back(-1);
      continue;
    }
    slots.push_back(next);
    if (operand.kind == Kind::Address)
      next += 1 + int(operand.elements.size());
    else if (operand.kind == Kind::Vector || operand.kind == Kind::Pair)
      next += int(operand.elements.size());
    else
      next += 1;
  }
  return slots;
}

void checkAddress(Thread &thread, const Site *site, const uint64_t *in, unsigned slot) {
  if (isUndefined(thread, site, in, slot))
    ptxsim_poison_address(&thread, site);
}

void checkOperand(Thread &thread, const Site *site, const uint64_t *in, unsigned slot) {
  if (isUndefined(thread, site, in, slot))
    ptxsim_poison_operand(&thread, site);
}

ptx::Space sharedSpaceOf(const ptx::Instruction &instruction) {
  for (llvm::StringRef part : instruction.parts) {
    if (part == "shared::cluster")
      return ptx::Space::SharedCluster;
    if (part == "shared" || part == "shared::cta")
      return ptx::Space::Shared;
  }
  return ptx::Space::Generic;
}

std::string hexadecimal(uint64_t value) { return "0x" + llvm::utohexstr(value, true); }

void copyBytes(Bytes to, Bytes from, uint64_t bytes) {
  if (bytes == 0)
    return;
  std::memcpy(to.host, from.host, bytes);
  if (!to.shadow)
    return;
  if (from.shadow)
    std::memcpy(to.shadow, from.shadow, bytes);
  else
    std::memset(to.shadow, 0xff, bytes);
}

void zeroBytes(Bytes to, uint64_t bytes) {
  std::memset(to.host, 0, bytes);
  if (to.shadow)
    std::memset(to.shadow, 0xff, bytes);
}

void spoilBytes(Bytes to, uint64_t bytes) {
  // All ones: a NaN in every floating-point type, and no small integer.
  std::memset(to.host, 0xff, bytes);
  if (to.shadow)
    std::memset(to.shadow, 0, bytes);
}

AsyncThread &asyncOf(Thread &thread) {
  if (!thread.async)
    thread.async = std::make_unique<AsyncThread>();
  return *thread.async;
}

AsyncCta &asyncOf(Cta &cta) {
  if (!cta.async)
    cta.async = std::make_unique<AsyncCta>();
  return *cta.async;
}

CopyQueue &queueOf(Thread &thread, QueueKind kind) {
  AsyncThread &async = asyncOf(thread);
  std::shared_ptr<CopyQueue> &queue = kind == QueueKind::Copies ? async.copies : async.bulk;
  if (!queue) {
    queue = std::make_shared<CopyQueue>();
    queue->cta = thread.cta;
  }
  return *queue;
}

uint64_t newOperation(Thread &thread, CopyQueue &queue, QueueKind kind) {
  if (RaceDetector *races = thread.grid->races; races && queue.agent == kNoAgent) {
    queue.agent = races->newAgent(thread.cta, kind == QueueKind::Copies ? "cp.async of" : "bulk copy issued by");
    queue.readAgent =
        kind == QueueKind::Copies ? queue.agent : races->newAgent(thread.cta, "source of the bulk copy issued by");
  }
  return ++queue.issued;
}

namespace {

size_t copiesUpTo(const CopyQueue &queue, uint64_t operation) {
  size_t count = 0;
  for (size_t k = queue.landed; k < queue.pending.size(); ++k)
    count += queue.pending[k].operation <= operation;
  return count;
}

} // namespace

/// Which copy it is, is drawn from those of the oldest group that has any left.
void CopyQueue::landNext() {
  llvm::MutableArrayRef<Entry> left = inOrder();
  if (left.empty())
    return;
  size_t choices = 1;
  while (choices < left.size() && left[choices].group == left[0].group)
    ++choices;
  std::swap(left[0], left[cta->scheduler->random() % choices]);
  std::unique_ptr<PendingCopy> copy = std::move(left[0].copy);
  ++landed;
  if (2 * landed >= pending.size()) {
    pending.erase(pending.begin(), pending.begin() + ptrdiff_t(landed));
    landed = 0;
  }
  copy->land();
  fireTriggers();
}

void CopyQueue::fireTriggers() {
  for (size_t k = 0; k < triggers.size();) {
    if (!hasLanded(*this, triggers[k].operation)) {
      ++k;
      continue;
    }
    std::unique_ptr<PendingCopy> action = std::move(triggers[k].copy);
    triggers.erase(triggers.begin() + ptrdiff_t(k));
    action->land();
  }
}

bool hasLanded(const CopyQueue &queue, uint64_t operation) { return copiesUpTo(queue, operation) == 0; }

void issueCopy(Thread &thread, CopyQueue &queue, uint64_t operation, std::unique_ptr<PendingCopy> copy) {
  Scheduler &scheduler = *thread.cta->scheduler;
  queue.pending.push_back({operation, queue.openGroup, std::move(copy)});
  if (!scheduler.isRandom())
    return queue.landNext();
  scheduler.issue(queue);
}

void commitGroup(CopyQueue &queue) {
  queue.groups.push_back(queue.issued);
  ++queue.openGroup;
}

void waitGroups(Thread &thread, CopyQueue &queue, uint64_t allowed, bool readsOnly) {
  if (queue.groups.size() <= allowed)
    return;
  const size_t covered = queue.groups.size() - allowed;
  const uint64_t last = queue.groups[covered - 1];
  queue.waited = std::max(queue.waited, last);
  if (RaceDetector *races = thread.grid->races; races && queue.agent != kNoAgent) {
    races->acquireAgent(thread, queue.readAgent, last);
    if (!readsOnly)
      races->acquireAgent(thread, queue.agent, last);
  }
  if (readsOnly) {
    for (CopyQueue::Entry &entry : queue.inOrder())
      if (entry.operation <= last)
        entry.copy->read();
    return;
  }
  queue.groups.erase(queue.groups.begin(), queue.groups.begin() + ptrdiff_t(covered));
  if (size_t count = copiesUpTo(queue, last))
    thread.cta->scheduler->land(queue, count);
}

bool repeatsStore(Thread &thread, const Site *site, const uint64_t *in, CopyQueue &queue, uint64_t operation) {
  const uint64_t hash = llvm::hash_combine(site, llvm::hash_combine_range(in, in + site->numSources)) | 1;
  queue.stores[operation % std::size(queue.stores)] = hash;
  for (const Thread *lane : thread.warp->lanes)
    if (lane && lane != &thread && lane->async && lane->async->bulk &&
        llvm::is_contained(lane->async->bulk->stores, hash))
      return true;
  return false;
}

bool overlapsBarrier(Thread &thread, const Site *site, const Location &where, uint64_t bytes) {
  uint32_t at = 0;
  if (where.space != ptx::Space::Shared || !where.cta->async ||
      !where.cta->async->overlapping(uint32_t(where.address), bytes, at))
    return false;
  thread.grid->reporter->note(Check::Barrier, &thread, site,
                              "the copy writes shared addresses " + hexadecimal(where.address) + ".." +
                                  hexadecimal(where.address + bytes - 1) + ", where a live mbarrier lies (" +
                                  hexadecimal(at) + ")");
  return true;
}

} // namespace ptxsim
