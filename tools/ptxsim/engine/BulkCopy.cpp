// cp.async.bulk and cp.reduce.async.bulk without tensors, their groups and prefetches (PTX ISA 9.0, section
// 9.7.9.25.4 "Bulk copy"). They belong to the asynchronous proxy: generic writes need a proxy fence before them.
#include "engine/BulkCopy.h"

#include "check/Poison.h"

#include <cstring>

namespace ptxsim {

namespace {

constexpr uint32_t kGranule = 16; // addresses and sizes of bulk copies are multiples of it

struct BulkPayload : Payload {
  ptx::Space to = ptx::Space::Global, from = ptx::Space::Global;
  int sizeSlot = -1, barrierSlot = -1, multicastSlot = -1, byteMaskSlot = -1;
  Reducer reducer = nullptr;
  unsigned elementBytes = 1;
};

struct GroupPayload : Payload {
  uint64_t allowed = 0;
  bool readsOnly = false;
};

struct BulkMove : PendingCopy {
  Bytes to, from;
  uint64_t bytes = 0;
  Reducer reducer = nullptr;
  unsigned elementBytes = 1;
  uint32_t byteMask = 0xffff; ///< of each 16 bytes
  const Thread *issuer = nullptr;
  const Site *site = nullptr;
  MbarrierTicket ticket; ///< cta is null for copies in groups
  std::vector<uint8_t> image, imageShadow;

  void read() override {
    if (!image.empty() || !bytes)
      return;
    image.assign(from.host, from.host + bytes);
    if (from.shadow)
      imageShadow.assign(from.shadow, from.shadow + bytes);
    from.host = image.data();
    from.shadow = from.shadow ? imageShadow.data() : nullptr;
  }
  void land() override {
    if (byteMask == 0xffff)
      moveBytes(to, from, bytes, reducer, elementBytes);
    else
      for (uint64_t k = 0; k < bytes; ++k)
        if (byteMask >> (k % 16) & 1)
          copyBytes(to + k, from + k, 1);
    if (ticket.cta)
      completeCopy(*issuer, site, ticket, bytes);
  }
};

uint64_t sizeOf(Thread &thread, const Site *site, const BulkPayload &how, const uint64_t *in) {
  checkOperand(thread, site, in, unsigned(how.sizeSlot));
  const uint32_t bytes = uint32_t(in[how.sizeSlot]);
  if (bytes % kGranule)
    thread.grid->reporter->fail(Check::Bounds, thread, site,
                                "the size of the bulk copy is " + std::to_string(bytes) +
                                    " bytes, it must be a multiple of 16");
  return bytes;
}

std::unique_ptr<BulkMove> makeMove(Thread &thread, const Site *site, const BulkPayload &how, const Location &to,
                                   const Location &from, uint64_t bytes) {
  auto move = std::make_unique<BulkMove>();
  move->to = to;
  move->from = from;
  move->bytes = bytes;
  move->reducer = how.reducer;
  move->elementBytes = how.elementBytes;
  move->issuer = &thread;
  move->site = site;
  return move;
}

/// A bulk copy of no bytes still needs valid addresses' alignment, but nothing there.
Location place(Thread &thread, const Site *site, ptx::Space space, uint64_t address, uint64_t bytes, Access access) {
  return resolve(thread, site, space, address, bytes, kGranule, access);
}

/// To shared memory, completing on an mbarrier there.
void copyToShared(Thread *thread, const Site *site, const uint64_t *in, uint64_t *) {
  thread->site = site;
  const auto &how = payload<BulkPayload>(site);
  checkAddress(*thread, site, in, 0);
  checkAddress(*thread, site, in, 1);
  checkAddress(*thread, site, in, unsigned(how.barrierSlot));
  const uint64_t bytes = sizeOf(*thread, site, how, in);
  const Location from = place(*thread, site, how.from, in[1], bytes, Access::Read);
  Multicast blocks;
  blocks.count = 1;
  if (how.multicastSlot >= 0) {
    checkOperand(*thread, site, in, unsigned(how.multicastSlot));
    blocks = multicastOf(*thread, site, in[how.multicastSlot]);
  }
  const Access kind = how.reducer ? Access::Atomic : Access::Write;
  for (unsigned k = 0; k < blocks.count; ++k) {
    const bool multicast = how.multicastSlot >= 0;
    const uint64_t address = multicast ? inBlock(in[0], blocks.ranks[k]) : in[0];
    const uint64_t barrierAddress = multicast ? inBlock(in[how.barrierSlot], blocks.ranks[k]) : in[how.barrierSlot];
    const Location to = place(*thread, site, how.to, address, bytes, kind);
    const MbarrierPlace barrier = liveMbarrier(*thread, site, how.to, barrierAddress);
    checkSameBlock(*thread, site, barrier, to);
    overlapsBarrier(*thread, site, to, bytes);
    SyncClock issued;
    RaceDetector *races = thread->grid->races;
    if (races)
      races->snapshot(*thread, issued);
    const MbarrierTicket ticket = announceCopy(*thread, site, barrier, issued, true);
    if (races && bytes) {
      races->asyncAccess(*thread, site, issued, ticket.agent, ticket.operation, true, from, bytes, Access::Read);
      races->asyncAccess(*thread, site, issued, ticket.agent, ticket.operation, true, to, bytes, kind);
    }
    if (thread->cta->scheduler->isRandom() && !how.reducer)
      spoilBytes(to, bytes);
    auto move = makeMove(*thread, site, how, to, from, bytes);
    move->ticket = ticket;
    issueOnMbarrier(*thread, *barrier.cta, std::move(move));
  }
}

/// From shared to global memory, in a bulk group.
void copyToGlobal(Thread *thread, const Site *site, const uint64_t *in, uint64_t *) {
  thread->site = site;
  const auto &how = payload<BulkPayload>(site);
  checkAddress(*thread, site, in, 0);
  checkAddress(*thread, site, in, 1);
  const uint64_t bytes = sizeOf(*thread, site, how, in);
  const Access kind = how.reducer ? Access::Atomic : Access::Write;
  const Location from = place(*thread, site, ptx::Space::Shared, in[1], bytes, Access::Read);
  const Location to = place(*thread, site, ptx::Space::Global, in[0], bytes, kind);
  uint32_t byteMask = 0xffff;
  if (how.byteMaskSlot >= 0) {
    checkOperand(*thread, site, in, unsigned(how.byteMaskSlot));
    byteMask = uint32_t(in[how.byteMaskSlot]) & 0xffff;
  }
  CopyQueue &queue = queueOf(*thread, QueueKind::Bulk);
  const uint64_t operation = newOperation(*thread, queue, QueueKind::Bulk);
  if (RaceDetector *races = thread->grid->races; races && bytes) {
    SyncClock issued;
    races->snapshot(*thread, issued);
    races->asyncAccess(*thread, site, issued, queue.readAgent, operation, true, from, bytes, Access::Read);
    const bool repeats = !how.reducer && repeatsStore(*thread, site, in, queue, operation);
    for (uint64_t k = 0; byteMask != 0xffff && k < bytes; ++k)
      if (!repeats && byteMask >> (k % 16) & 1) {
        Location byte = to;
        byte.host += k;
        byte.shadow += byte.shadow ? k : 0;
        byte.address += k;
        races->asyncAccess(*thread, site, issued, queue.agent, operation, true, byte, 1, kind);
      }
    if (!repeats && byteMask == 0xffff)
      races->asyncAccess(*thread, site, issued, queue.agent, operation, true, to, bytes, kind);
  }
  auto move = makeMove(*thread, site, how, to, from, bytes);
  move->byteMask = byteMask;
  issueInGroup(*thread, queue, operation, std::move(move));
}

/// A prefetch moves nothing: only what it is given is checked.
void prefetch(Thread *thread, const Site *site, const uint64_t *in, uint64_t *) {
  thread->site = site;
  const auto &how = payload<BulkPayload>(site);
  checkAddress(*thread, site, in, 0);
  place(*thread, site, ptx::Space::Global, in[0], sizeOf(*thread, site, how, in), Access::Read);
}

void commit(Thread *thread, const Site *site, const uint64_t *, uint64_t *) {
  thread->site = site;
  commitGroup(queueOf(*thread, QueueKind::Bulk));
}

void wait(Thread *thread, const Site *site, const uint64_t *, uint64_t *) {
  thread->site = site;
  const auto &how = payload<GroupPayload>(site);
  waitGroups(*thread, queueOf(*thread, QueueKind::Bulk), how.allowed, how.readsOnly);
}

[[noreturn]] void refuse(const Site &site, const std::string &why) {
  throw ptx::Error(site.instruction->position, "'" + site.instruction->spelling() + "': " + why);
}

void bindReduction(Site &site, BulkPayload &how) {
  const ptx::Instruction &instruction = *site.instruction;
  const llvm::StringRef operation = instruction.first({"add", "min", "max", "inc", "dec", "and", "or", "xor"});
  const ptx::Type type = instruction.lastType();
  how.reducer = reducerFor(operation, type);
  if (!how.reducer)
    refuse(site, "this reduction does not exist for this type");
  how.elementBytes = ptx::bitWidth(type) / 8;
}

/// cp.async.bulk.DESTINATION.SOURCE and cp.reduce.async.bulk.DESTINATION.SOURCE.
void bindPlainCopy(Site &site, unsigned first) {
  const ptx::Instruction &instruction = *site.instruction;
  if (instruction.parts.size() < first + 2 || instruction.operands.size() < 3)
    refuse(site, "this form of a bulk copy is not known");
  auto how = std::make_unique<BulkPayload>();
  const std::vector<int> slots = sourceSlots(instruction);
  const llvm::StringRef to = instruction.parts[first], from = instruction.parts[first + 1];
  how->sizeSlot = slots[2];
  size_t next = 3;
  if (instruction.parts[1] == "reduce")
    bindReduction(site, *how);
  if (to == "global") {
    if (instruction.has("L2::cache_hint"))
      ++next;
    if (instruction.has("cp_mask"))
      how->byteMaskSlot = slots.at(next);
    site.handler = copyToGlobal;
  } else {
    how->to = to == "shared::cluster" ? ptx::Space::SharedCluster : ptx::Space::Shared;
    how->from = from == "global" ? ptx::Space::Global : ptx::Space::Shared;
    how->barrierSlot = slots.at(next++);
    if (instruction.has("multicast::cluster"))
      how->multicastSlot = slots.at(next++);
    site.handler = copyToShared;
  }
  site.payload = std::move(how);
}

void bindGroups(Site &site, llvm::StringRef what) {
  if (what == "commit_group") {
    site.handler = commit;
    return;
  }
  auto how = std::make_unique<GroupPayload>();
  how->allowed = site.instruction->operands.at(0).bits;
  how->readsOnly = site.instruction->has("read");
  site.payload = std::move(how);
  site.handler = wait;
}

/// AsyncWork around a copy that completes on an mbarrier.
struct Landing : AsyncWork {
  std::unique_ptr<PendingCopy> copy;
  void land() override { copy->land(); }
};

} // namespace

void issueOnMbarrier(Thread &thread, Cta &, std::unique_ptr<PendingCopy> copy) {
  if (!thread.cta->scheduler->isRandom())
    return copy->land();
  auto work = std::make_unique<Landing>();
  work->copy = std::move(copy);
  work->cta = thread.cta;
  thread.cta->scheduler->issue(std::move(work));
}

void issueInGroup(Thread &thread, CopyQueue &queue, uint64_t operation, std::unique_ptr<PendingCopy> copy) {
  queue.sharedRead = operation;
  queue.sharedReader = thread.site;
  if (!thread.cta->scheduler->isRandom())
    return copy->land();
  issueCopy(thread, queue, operation, std::move(copy));
}

/// Nobody else can wait for a thread's bulk groups, and shared memory goes to another block when this one ends.
void leaveBulkCopies(Thread &thread) {
  if (!thread.async || !thread.async->bulk)
    return;
  const CopyQueue &queue = *thread.async->bulk;
  if (queue.sharedRead > queue.waited)
    thread.grid->reporter->note(Check::Lifetime, &thread, queue.sharedReader,
                                "the thread ends while its bulk copy may still read the block's shared memory; "
                                "cp.async.bulk.wait_group(.read) is missing");
}

Multicast multicastOf(Thread &thread, const Site *site, uint64_t mask) {
  Multicast blocks;
  const size_t clusterBlocks = thread.cta->cluster->blocks.size();
  mask &= 0xffff;
  if (mask == 0 || mask >> clusterBlocks)
    thread.grid->reporter->fail(
        Check::Bounds, thread, site,
        "the block mask " + hexadecimal(mask) + " of the multicast " +
            (mask ? "names a block that the cluster of " + std::to_string(clusterBlocks) + " does not have"
                  : "names no block"));
  for (uint32_t rank = 0; rank < clusterBlocks; ++rank)
    if (mask >> rank & 1)
      blocks.ranks[blocks.count++] = rank;
  return blocks;
}

void checkSameBlock(Thread &thread, const Site *site, const MbarrierPlace &barrier, const Location &bytes) {
  if (barrier.cta != bytes.cta)
    thread.grid->reporter->note(Check::Barrier, &thread, site,
                                "the bytes go to block " + std::to_string(bytes.cta->rank) +
                                    " of the cluster and complete on an mbarrier of block " +
                                    std::to_string(barrier.cta->rank) + "; both must be in one block");
}

void moveBytes(Bytes to, Bytes from, uint64_t bytes, Reducer reducer, unsigned elementBytes) {
  if (!reducer)
    return copyBytes(to, from, bytes);
  for (uint64_t k = 0; k < bytes; k += elementBytes) {
    reducer(to.host + k, from.host + k);
    for (unsigned b = 0; to.shadow && b < elementBytes; ++b)
      to.shadow[k + b] &= from.shadow ? from.shadow[k + b] : 0xff;
  }
}

bool bindBulkCopy(Site &site) {
  const ptx::Instruction &instruction = *site.instruction;
  if (bindAsyncStore(site))
    return true;
  const auto &parts = instruction.parts;
  if (instruction.opcode() != "cp" || !instruction.has("bulk") || parts.size() < 4)
    return false;
  const unsigned first = parts[1] == "reduce" ? 4 : 3; // the part behind "bulk"
  const llvm::StringRef what = parts.size() > first ? parts[first] : llvm::StringRef();
  if (instruction.has("tensor")) {
    bindTensorCopy(site);
  } else if (what == "commit_group" || what == "wait_group") {
    bindGroups(site, what);
  } else if (what == "prefetch") {
    auto how = std::make_unique<BulkPayload>();
    how->sizeSlot = 1;
    site.payload = std::move(how);
    site.handler = prefetch;
  } else {
    bindPlainCopy(site, first);
  }
  return true;
}

} // namespace ptxsim
