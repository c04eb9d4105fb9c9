// wgmma and setmaxnreg. All of a warpgroup's instructions are met by its 128 threads, as .aligned demands.
//
// In fixed schedules a product is done where it is issued. In random ones it is work of the warpgroup's queue: the
// descriptors' operands are read, and the accumulators are written, when it lands; A in registers is taken at issue.
// For races the reads belong to an agent of the warpgroup and are checked at issue, in the name of one lane 0 of the
// four warps in turn: each warp must be ordered after the operands' writes by itself, and all of a program's warps that
// lack the order come to their turn.
#include "engine/Wgmma.h"

#include "check/Poison.h"
#include "check/Statistics.h"
#include "engine/Rendezvous.h"
#include "engine/Scheduler.h"
#include "engine/WgmmaDecode.h"
#include "engine/WgmmaState.h"

#include <algorithm>
#include <cstdio>

namespace ptxsim {

namespace {

struct WaitPayload : Payload {
  uint64_t pending = 0;
};

Reporter &reporterOf(Cta &cta) { return *cta.grid->reporter; }

std::string hexadecimal(uint64_t value) {
  char text[32];
  snprintf(text, sizeof text, "0x%llx", static_cast<unsigned long long>(value));
  return text;
}

// --- descriptors ---

/// Lists an operand's chunks; what is inconsistent is a finding, and what lies outside ends the launch.
void readDescriptor(Cta &cta, const Site *site, const WarpgroupOperands &operands, uint32_t slot, const char *matrix,
                    uint32_t lines, bool mnMajor, OperandChunks &chunks) {
  uint64_t bits = operands.in[0][slot];
  for (uint32_t thread = 1; thread < 128; ++thread)
    if (operands.in[thread][slot] != bits) {
      reporterOf(cta).note(Check::Descriptor, operands.threads[thread], site,
                           std::string("descriptor of ") + matrix + " is " + hexadecimal(operands.in[thread][slot]) +
                               ", but " + hexadecimal(bits) +
                               " in the first thread; the same in all of the warpgroup is expected");
      break;
    }
  if (cta.grid->poison && operands.in[0][site->numSources + slot])
    ptxsim_poison_operand(operands.threads[0], site);
  MatrixDescriptor descriptor(bits);
  if (const char *fault = descriptorFault(descriptor, lines, mnMajor))
    reporterOf(cta).note(Check::Descriptor, operands.threads[0], site,
                         std::string("descriptor of ") + matrix + " (" + hexadecimal(bits) + "): " + fault);
  uint64_t outside;
  if (!listChunks(descriptor, lines, mnMajor, kSharedStart, cta.sharedEnd, chunks, outside))
    reporterOf(cta).fail(Check::Descriptor, *operands.threads[0], site,
                         std::string("descriptor of ") + matrix + " (" + hexadecimal(bits) + ": start " +
                             hexadecimal(descriptor.start) + ", leading offset " + std::to_string(descriptor.leading) +
                             ", stride offset " + std::to_string(descriptor.stride) + ", swizzle " +
                             std::to_string(descriptor.swizzleBits ? descriptor.rowBytes() : 0) +
                             " bytes) reaches shared address " + hexadecimal(outside) +
                             ", outside the block's shared memory (" + hexadecimal(kSharedStart) + " to " +
                             hexadecimal(cta.sharedEnd) + ")");
}

/// Checks and records the reads of an operand, in runs of neighbouring chunks.
void recordReads(Cta &cta, const Site *site, const Thread &issuer, const SyncClock &issued, const WgmmaGroup &group,
                 const OperandChunks &chunks) {
  uint64_t touched[(1u << 18) / 16 / 64] = {}; // a bit for each 16 bytes that a descriptor can name
  uint32_t low = ~0u, high = 0;
  for (uint32_t i = 0; i < chunks.count; ++i) {
    uint32_t chunk = chunks.address[i] / 16;
    touched[chunk / 64 % std::size(touched)] |= 1ull << chunk % 64;
    low = std::min(low, chunk);
    high = std::max(high, chunk);
  }
  auto isTouched = [&](uint32_t chunk) { return touched[chunk / 64 % std::size(touched)] >> chunk % 64 & 1; };
  for (uint32_t chunk = low; chunk <= high;) {
    if (!isTouched(chunk)) {
      ++chunk;
      continue;
    }
    uint32_t first = chunk;
    while (chunk <= high && isTouched(chunk))
      ++chunk;
    Location where;
    where.space = ptx::Space::Shared;
    where.address = 16 * first;
    where.host = cta.shared + where.address;
    where.shadow = cta.sharedShadow ? cta.sharedShadow + where.address : nullptr;
    where.cta = &cta;
    cta.grid->races->asyncAccess(issuer, site, issued, group.agent, group.committed + 1, true, where,
                                 16 * (chunk - first), Access::Read);
  }
}

// --- products ---

/// Everything that a product needs when it lands.
struct IssuedProduct {
  const Site *site = nullptr;
  bool accumulate = true;
  OperandChunks chunksA, chunksB;
  WgmmaRegisters registersA;
  uint64_t *out[128];
  Thread *threads[128];

  void compute(Cta &cta) const {
    WgmmaOperands operands;
    operands.shared = cta.shared;
    operands.sharedShadow = cta.sharedShadow;
    operands.chunksA = &chunksA;
    operands.chunksB = &chunksB;
    operands.registersA = &registersA;
    operands.accumulate = accumulate;
    operands.out = out;
    operands.shadowResults = cta.grid->poison && cta.sharedShadow ? site->numResults : 0;
    multiplyWarpgroup(payload<WgmmaPayload>(site).kind, operands);
  }
};

struct ProductInFlight : AsyncWork {
  IssuedProduct product;
  WgmmaGroup *group = nullptr;

  void land() override {
    for (uint32_t i = 0; i < 128; ++i) {
      Thread &thread = *product.threads[i];
      if (thread.state == Thread::State::Exited)
        product.out[i] = nullptr; // its stack, and the bank on it, belong to somebody else
      if (thread.wgmmaInFlight)
        --thread.wgmmaInFlight;
    }
    product.compute(*cta);
    group->inFlight.pop_front();
  }
};

void captureRegisters(const Site *site, const WarpgroupOperands &operands, bool poison, WgmmaRegisters &registers) {
  uint32_t slot = payload<WgmmaPayload>(site).slotA;
  for (uint32_t r = 0; r < 4; ++r)
    for (uint32_t thread = 0; thread < 128; ++thread) {
      registers.value[r][thread] = uint32_t(operands.in[thread][slot + r]);
      if (poison)
        registers.shadow[r][thread] = uint32_t(operands.in[thread][site->numSources + slot + r]);
    }
}

void checkScale(Cta &cta, const Site *site, const WarpgroupOperands &operands, uint32_t slot) {
  for (uint32_t thread = 1; thread < 128; ++thread)
    if ((operands.in[thread][slot] & 1) != (operands.in[0][slot] & 1)) {
      reporterOf(cta).note(Check::Divergence, operands.threads[thread], site,
                           "scale-d differs between the threads of a warpgroup; the same is expected");
      break;
    }
  if (cta.grid->poison && operands.in[0][site->numSources + slot])
    ptxsim_poison_operand(operands.threads[0], site);
}

void checkOrder(Cta &cta, const Site *site, Thread &first, WgmmaGroup &group) {
  if (!group.fenced)
    reporterOf(cta).note(Check::Barrier, &first, site,
                         "no wgmma.fence before the first wgmma.mma_async; its registers may still be written");
  group.fenced = true; // once is enough
}

void prepare(Cta &cta, const Site *site, const WarpgroupOperands &operands, IssuedProduct &product) {
  const auto &decoded = payload<WgmmaPayload>(site);
  product.site = site;
  if (decoded.kind.registersA)
    captureRegisters(site, operands, cta.grid->poison, product.registersA);
  else
    readDescriptor(cta, site, operands, decoded.slotA, "A", 64, decoded.kind.mnMajorA, product.chunksA);
  readDescriptor(cta, site, operands, decoded.slotB, "B", decoded.kind.n, decoded.kind.mnMajorB, product.chunksB);
  checkScale(cta, site, operands, decoded.slotScaleD);
  product.accumulate = operands.in[0][decoded.slotScaleD] & 1;
  std::copy(operands.out, operands.out + 128, product.out);
  std::copy(operands.threads, operands.threads + 128, product.threads);
}

void recordProduct(Cta &cta, const Site *site, WarpgroupOperands &operands, const WgmmaGroup &group,
                   const IssuedProduct &product) {
  Thread &issuer = *operands.threads[group.issued % 4 * 32];
  SyncClock issued;
  cta.grid->races->snapshot(issuer, issued);
  if (!payload<WgmmaPayload>(site).kind.registersA)
    recordReads(cta, site, issuer, issued, group, product.chunksA);
  recordReads(cta, site, issuer, issued, group, product.chunksB);
}

void multiply(Cta &cta, const Site *site, WarpgroupOperands &operands) {
  // Too much for a fiber's stack, and in no owner's hands while a finding may end the launch.
  static thread_local IssuedProduct product;
  WgmmaGroup &group = wgmmaGroupOf(*operands.threads[0]);
  checkOrder(cta, site, *operands.threads[0], group);
  prepare(cta, site, operands, product);
  if (cta.grid->races)
    recordProduct(cta, site, operands, group, product);
  const WgmmaKind &kind = payload<WgmmaPayload>(site).kind;
  if (cta.grid->options.statistics)
    cta.grid->options.statistics->tensor(site, uint64_t(64) * kind.n * kind.k);
  ++group.issued;
  ++group.uncommitted;
  group.lastProduct = site;
  group.lastProductGroup = group.committed + 1;
  if (!cta.scheduler->isRandom()) {
    product.compute(cta);
    return;
  }
  for (Thread *thread : operands.threads)
    ++thread->wgmmaInFlight;
  group.inFlight.push_back(group.committed + 1);
  WgmmaGroup::Unwaited &unwaited = group.unwaited.emplace_back();
  unwaited.group = group.committed + 1;
  unwaited.site = site;
  std::copy(operands.out, operands.out + 128, unwaited.banks.begin());
  constexpr size_t kUnwaitedKept = 256; // a program that never waits is told so when it ends
  if (group.unwaited.size() > kUnwaitedKept)
    group.unwaited.pop_front();
  auto work = std::make_unique<ProductInFlight>();
  work->product = product;
  work->group = &group;
  work->queue = group.queue;
  work->cta = &cta;
  cta.scheduler->issue(std::move(work));
}

// --- groups ---

void fence(Cta &, const Site *, WarpgroupOperands &operands) { wgmmaGroupOf(*operands.threads[0]).fenced = true; }

void commit(Cta &, const Site *, WarpgroupOperands &operands) {
  WgmmaGroup &group = wgmmaGroupOf(*operands.threads[0]);
  ++group.committed;
  group.uncommitted = 0;
}

void wait(Cta &cta, const Site *site, WarpgroupOperands &operands) {
  WgmmaGroup &group = wgmmaGroupOf(*operands.threads[0]);
  uint64_t pending = payload<WaitPayload>(site).pending;
  uint64_t complete = group.committed > pending ? group.committed - pending : 0;
  size_t count =
      std::count_if(group.inFlight.begin(), group.inFlight.end(), [&](uint64_t number) { return number <= complete; });
  if (count)
    cta.scheduler->landQueue(group.queue, count);
  group.waited = std::max(group.waited, complete);
  while (!group.unwaited.empty() && group.unwaited.front().group <= complete)
    group.unwaited.pop_front();
  if (cta.grid->races && complete)
    for (Thread *thread : operands.threads)
      cta.grid->races->acquireAgent(*thread, group.agent, complete);
}

template <WarpgroupWork work> void runWarpgroup(Thread *thread, const Site *site, const uint64_t *in, uint64_t *out) {
  meetWarpgroup(*thread, site, in, out, work);
}

void nothing(Warp &, const Site *, uint32_t, LaneOperands &) {}

/// Register counts are not modelled; the warp must agree all the same.
void runSetmaxnreg(Thread *thread, const Site *site, const uint64_t *in, uint64_t *out) {
  meetWarp(*thread, site, thread->warp->present, true, in, out, nothing);
}

const ptx::Operand &immediate(const ptx::Instruction &instruction) {
  if (instruction.operands.size() != 1 || instruction.operands[0].kind != ptx::Operand::Kind::Immediate)
    throw ptx::Error(instruction.position, "'" + instruction.spelling() + "': an immediate is expected");
  return instruction.operands[0];
}

void bindSetmaxnreg(Site &site) {
  uint64_t count = immediate(*site.instruction).bits;
  if (count < 24 || count > 256 || count % 8)
    throw ptx::Error(site.instruction->position, "setmaxnreg: got " + std::to_string(count) +
                                                     " registers, expected a multiple of 8 from 24 to 256");
  site.handler = runSetmaxnreg;
}

} // namespace

WgmmaGroup &wgmmaGroupOf(Thread &thread) {
  Cta &cta = *thread.cta;
  uint32_t index = thread.warp->index / 4;
  if (cta.warpgroups.size() <= index)
    cta.warpgroups.resize((cta.warps.size() + 3) / 4);
  if (!cta.warpgroups[index]) {
    cta.warpgroups[index] = std::make_unique<WgmmaGroup>();
    WgmmaGroup &group = *cta.warpgroups[index];
    // Distinct among the blocks of a launch and from the queues of copies.
    group.queue = 1ull << 63 | uint64_t(cta.linear) << 8 | index;
    if (cta.grid->races)
      group.agent = cta.grid->races->newAgent(&cta, "wgmma of warpgroup " + std::to_string(index) + ", issued by");
  }
  return *cta.warpgroups[index];
}

void leaveWarpgroup(Thread &thread) {
  uint32_t index = thread.warp->index / 4;
  if (index >= thread.cta->warpgroups.size() || !thread.cta->warpgroups[index])
    return;
  WgmmaGroup &group = *thread.cta->warpgroups[index];
  if (thread.wgmmaInFlight)
    ptxsim_settle_wgmma(&thread);
  uint64_t unwaited = group.committed - group.waited;
  if (group.reported || (unwaited == 0 && group.uncommitted == 0))
    return;
  // A group without products needs no wait.
  if (group.uncommitted == 0 && group.lastProductGroup <= group.waited)
    return;
  group.reported = true;
  std::string what =
      group.uncommitted
          ? std::to_string(group.uncommitted) + " products were never committed (wgmma.commit_group is missing)"
          : std::to_string(unwaited) + " committed groups of products were never waited for (wgmma.wait_group is "
                                       "missing or leaves too many pending)";
  thread.grid->reporter->note(Check::Barrier, &thread, group.lastProduct, "the warpgroup ends while " + what);
}

bool bindWgmma(Site &site) {
  const ptx::Instruction &instruction = *site.instruction;
  if (instruction.opcode() == "setmaxnreg") {
    bindSetmaxnreg(site);
    return true;
  }
  if (instruction.opcode() != "wgmma" || instruction.parts.size() < 2)
    return false;
  llvm::StringRef operation = instruction.parts[1];
  if (operation == "mma_async") {
    site.payload = decodeWgmma(instruction);
    site.handler = runWarpgroup<multiply>;
  } else if (operation == "fence") {
    site.handler = runWarpgroup<fence>;
  } else if (operation == "commit_group") {
    site.handler = runWarpgroup<commit>;
  } else if (operation == "wait_group") {
    auto decoded = std::make_unique<WaitPayload>();
    decoded->pending = immediate(instruction).bits;
    site.payload = std::move(decoded);
    site.handler = runWarpgroup<wait>;
  } else {
    return false;
  }
  return true;
}

} // namespace ptxsim

extern "C" void ptxsim_settle_wgmma(ptxsim::Thread *thread) {
  ptxsim::WgmmaGroup &group = ptxsim::wgmmaGroupOf(*thread);
  thread->cta->scheduler->landQueue(group.queue);
}

extern "C" void ptxsim_touch_wgmma(ptxsim::Thread *thread, const ptxsim::Site *site, const uint64_t *bank) {
  using namespace ptxsim;
  for (const WgmmaGroup::Unwaited &product : wgmmaGroupOf(*thread).unwaited)
    if (product.banks[thread->linear % 128] == bank) {
      thread->grid->reporter->note(Check::Barrier, thread, site,
                                   "accumulators of a product are touched before a wgmma.wait_group has covered it",
                                   actorOf(*thread, product.site));
      return;
    }
}
