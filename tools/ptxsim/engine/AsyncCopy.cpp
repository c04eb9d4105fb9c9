// cp.async: copies of 4, 8 or 16 bytes from global to shared memory that a thread issues and later waits for (PTX ISA
// 9.0, section 9.7.9.25.3 "Non-bulk copy"). They are weak accesses of the generic proxy.
//
// In fixed schedules the bytes land at once, in random ones some time before the wait returns.
#include "engine/AsyncSupport.h"
#include "engine/Mbarrier.h"

#include "check/Statistics.h"

namespace ptxsim {

namespace {

struct CopyPayload : Payload {
  uint32_t bytes = 0;
  int sizeSlot = -1, ignoreSlot = -1;
};

struct WaitPayload : Payload {
  uint64_t allowed = 0; ///< incomplete groups
  bool all = false;     ///< cp.async.wait_all
};

/// Memory for objects of one type that come and go by the thousand, kept until the host thread ends.
template <class T> class Recycled {
public:
  static void *operator new(size_t size) {
    std::vector<void *> &idle = pool.idle;
    if (idle.empty() || size != sizeof(T))
      return ::operator new(size);
    void *memory = idle.back();
    idle.pop_back();
    return memory;
  }
  static void operator delete(void *memory, size_t size) {
    if (size != sizeof(T) || pool.idle.size() >= kMost)
      return ::operator delete(memory);
    pool.idle.push_back(memory);
  }

private:
  static constexpr size_t kMost = 1 << 16;
  struct Pool {
    std::vector<void *> idle;
    ~Pool() {
      for (void *memory : idle)
        ::operator delete(memory);
    }
  };
  static inline thread_local Pool pool;
};

struct ElementCopy : PendingCopy, Recycled<ElementCopy> {
  Bytes to, from;
  uint32_t bytes = 0, given = 0; ///< the rest is filled with zeros
  void land() override {
    copyBytes(to, from, given);
    if (given < bytes)
      zeroBytes(to + given, bytes - given);
  }
};

/// The source's size: the whole, src-size bytes, or none if the source is ignored.
uint32_t givenBytes(Thread &thread, const Site *site, const CopyPayload &how, const uint64_t *in) {
  if (how.ignoreSlot >= 0) {
    checkOperand(thread, site, in, unsigned(how.ignoreSlot));
    return in[how.ignoreSlot] & 1 ? 0 : how.bytes;
  }
  if (how.sizeSlot < 0)
    return how.bytes;
  checkOperand(thread, site, in, unsigned(how.sizeSlot));
  const uint32_t given = uint32_t(in[how.sizeSlot]);
  if (given <= how.bytes)
    return given;
  thread.grid->reporter->note(Check::Bounds, &thread, site,
                              "src-size is " + std::to_string(given) + " bytes, more than the copy's " +
                                  std::to_string(how.bytes));
  return how.bytes;
}

Location sourceOf(Thread &thread, const Site *site, uint64_t address, uint32_t given, uint32_t alignment) {
  Location from = resolve(thread, site, ptx::Space::Global, address, given, alignment, Access::Read);
  const Allocation *allocation = thread.grid->device->memory().find(address);
  if (allocation && !allocation->readOnly) {
    thread.globalLow = allocation->address;
    thread.globalHigh = allocation->address + allocation->bytes;
  }
  return from;
}

/// The way of launches without checks of races and definedness in a fixed schedule.
void copyNow(Thread *thread, const Site *site, const CopyPayload &how, const uint64_t *in, uint32_t given) {
  ElementCopy copy;
  copy.bytes = how.bytes;
  copy.given = given;
  const uint64_t to = in[0], from = in[1];
  if (to >= kSharedStart && to + how.bytes <= thread->sharedEnd && (to & (how.bytes - 1)) == 0)
    copy.to.host = thread->shared + to;
  else
    copy.to = resolve(*thread, site, ptx::Space::Shared, to, how.bytes, how.bytes, Access::Write);
  const bool inside = from >= thread->globalLow && from < thread->globalHigh && given <= thread->globalHigh - from;
  if (given && inside && (from & (how.bytes - 1)) == 0)
    copy.from.host = reinterpret_cast<uint8_t *>(from);
  else if (given)
    copy.from = sourceOf(*thread, site, from, given, how.bytes);
  copy.land();
}

void copyElement(Thread *thread, const Site *site, const uint64_t *in, uint64_t *) {
  thread->site = site;
  const auto &how = payload<CopyPayload>(site);
  Grid &grid = *thread->grid;
  const uint32_t given = givenBytes(*thread, site, how, in);
  CopyQueue &queue = queueOf(*thread, QueueKind::Copies);
  const bool random = thread->cta->scheduler->isRandom();
  if (!grid.races && !grid.poison && !grid.options.statistics && !random) {
    ++queue.issued;
    return copyNow(thread, site, how, in, given);
  }
  checkAddress(*thread, site, in, 0);
  if (given)
    checkAddress(*thread, site, in, 1);
  Location to = resolve(*thread, site, ptx::Space::Shared, in[0], how.bytes, how.bytes, Access::Write), from;
  if (given)
    from = sourceOf(*thread, site, in[1], given, how.bytes);
  if (grid.races && given)
    grid.races->expect(*thread, from);
  overlapsBarrier(*thread, site, to, how.bytes);
  const uint64_t operation = newOperation(*thread, queue, QueueKind::Copies);
  if (grid.races) {
    grid.races->copyAccess(*thread, site, queue.agent, operation, to, how.bytes, Access::Write);
    if (given)
      grid.races->copyAccess(*thread, site, queue.agent, operation, from, given, Access::Read);
  }
  if (grid.options.statistics) {
    if (given)
      grid.options.statistics->access(*thread, site, from, given, Access::Read);
    grid.options.statistics->access(*thread, site, to, how.bytes, Access::Write);
  }
  auto copy = std::make_unique<ElementCopy>();
  copy->to = to;
  copy->from = from;
  copy->bytes = how.bytes;
  copy->given = given;
  if (!random)
    return copy->land();
  spoilBytes(to, how.bytes);
  issueCopy(*thread, queue, operation, std::move(copy));
}

void commit(Thread *thread, const Site *site, const uint64_t *, uint64_t *) {
  thread->site = site;
  commitGroup(queueOf(*thread, QueueKind::Copies));
}

void wait(Thread *thread, const Site *site, const uint64_t *, uint64_t *) {
  thread->site = site;
  const auto &how = payload<WaitPayload>(site);
  CopyQueue &queue = queueOf(*thread, QueueKind::Copies);
  if (how.all)
    commitGroup(queue);
  waitGroups(*thread, queue, how.allowed, false);
}

// --- cp.async.mbarrier.arrive ---
struct ArrivePayload : Payload {
  ptx::Space space = ptx::Space::Generic;
  bool noIncrement = false;
};

struct Arrival : PendingCopy {
  const Thread *thread = nullptr;
  const Site *site = nullptr;
  Cta *cta = nullptr;
  uint32_t address = 0;
  uint64_t serial = 0, operation = 0;
  Agent agent = kNoAgent;
  void land() override {
    Mbarrier *barrier = mbarrierAgain(*cta, address, serial);
    if (!barrier)
      return thread->grid->reporter->note(Check::Barrier, thread, site,
                                          "the mbarrier at shared " + hexadecimal(address) +
                                              " was invalidated before the arrival for earlier cp.async");
    if (agent != kNoAgent)
      thread->grid->races->releaseAgent(agent, operation, barrier->gathering);
    countArrivals(*thread, site, *cta, address, *barrier, 1);
  }
};

/// The mbarrier gets an arrival once all earlier cp.async of the thread have landed. Without .noinc the phase misses
/// one arrival more from now on, so that the count that init gave need not know of it.
void arriveWhenLanded(Thread *thread, const Site *site, const uint64_t *in, uint64_t *) {
  thread->site = site;
  checkAddress(*thread, site, in, 0);
  const auto &how = payload<ArrivePayload>(site);
  MbarrierPlace place = liveMbarrier(*thread, site, how.space, in[0]);
  if (RaceDetector *races = thread->grid->races)
    races->access(*thread, site, place.where, 8, Access::Atomic, Order::Relaxed, Scope::Block);
  CopyQueue &queue = queueOf(*thread, QueueKind::Copies);
  if (!how.noIncrement)
    ++place.barrier->pending;
  auto arrival = std::make_unique<Arrival>();
  arrival->thread = thread;
  arrival->site = site;
  arrival->cta = place.cta;
  arrival->address = place.address;
  arrival->serial = place.barrier->serial;
  arrival->operation = queue.issued;
  arrival->agent = queue.agent;
  if (hasLanded(queue, queue.issued))
    return arrival->land();
  queue.triggers.push_back({queue.issued, queue.openGroup, std::move(arrival)});
}

bool isPredicate(const Site &site, const ptx::Operand &operand) {
  return operand.kind == ptx::Operand::Kind::Register && site.function &&
         site.function->registers[operand.reg].type == ptx::Type::Pred;
}

void bindCopy(Site &site) {
  const ptx::Instruction &instruction = *site.instruction;
  auto how = std::make_unique<CopyPayload>();
  const std::vector<int> slots = sourceSlots(instruction);
  if (slots.size() < 3 || instruction.operands[2].kind != ptx::Operand::Kind::Immediate)
    throw ptx::Error(instruction.position, "cp.async needs a constant number of bytes as its third operand");
  how->bytes = uint32_t(instruction.operands[2].bits);
  const bool bypass = instruction.has("cg");
  if (how->bytes != 16 && (bypass || (how->bytes != 4 && how->bytes != 8)))
    throw ptx::Error(instruction.position, "cp.async copies " + std::to_string(instruction.operands[2].bits) +
                                               " bytes, it must be " + (bypass ? "16" : "4, 8 or 16"));
  const size_t others = instruction.operands.size() - (instruction.has("L2::cache_hint") ? 1 : 0);
  if (others > 4)
    throw ptx::Error(instruction.position, "cp.async has too many operands");
  if (others == 4)
    (isPredicate(site, instruction.operands[3]) ? how->ignoreSlot : how->sizeSlot) = slots[3];
  site.payload = std::move(how);
  site.handler = copyElement;
}

} // namespace

bool bindAsyncCopy(Site &site) {
  const ptx::Instruction &instruction = *site.instruction;
  if (instruction.opcode() != "cp" || instruction.parts.size() < 3 || instruction.parts[1] != "async" ||
      instruction.parts[2] == "bulk")
    return false;
  const llvm::StringRef what = instruction.parts[2];
  if (what == "commit_group") {
    site.handler = commit;
  } else if (what == "wait_group" || what == "wait_all") {
    auto how = std::make_unique<WaitPayload>();
    how->all = what == "wait_all";
    if (!how->all)
      how->allowed = instruction.operands.at(0).bits;
    site.payload = std::move(how);
    site.handler = wait;
  } else if (what == "mbarrier") {
    auto how = std::make_unique<ArrivePayload>();
    how->space = sharedSpaceOf(instruction);
    how->noIncrement = instruction.has("noinc");
    site.payload = std::move(how);
    site.handler = arriveWhenLanded;
  } else {
    bindCopy(site);
  }
  return true;
}

} // namespace ptxsim
