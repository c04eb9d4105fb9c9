// From a PTX address to the bytes it names. Every access that is not inlined comes through here, and every inlined one
// whose test fails.
#include "check/Finding.h"
#include "engine/Memory.h"
#include "engine/Scheduler.h"
#include "engine/Thread.h"

#include "llvm/ADT/StringExtras.h"

namespace ptxsim {

namespace {

using ptx::Space;
constexpr uint64_t kWindowMask = 0xff00'0000'0000'0000;
constexpr uint32_t kSharedOffsetMask = (1u << kSharedRankShift) - 1;

std::string hex(uint64_t value) { return "0x" + llvm::utohexstr(value, true); }

/// One access under test; makes the texts.
struct Request {
  Thread &thread;
  const Site *site;
  Space space;
  uint64_t address, bytes, alignment;
  Access access;

  std::string subject() const {
    const char *verb = access == Access::Read ? "reads " : access == Access::Write ? "writes " : "updates ";
    return verb + std::to_string(bytes) + (bytes == 1 ? " byte" : " bytes");
  }
  [[noreturn]] void fail(Check check, const std::string &what) const {
    thread.grid->reporter->fail(check, thread, site, subject() + " at " + what);
  }
  void checkAlignment(const char *spaceName) const {
    if (address & (alignment - 1))
      fail(Check::Bounds, std::string(spaceName) + " address " + hex(address) + ": misaligned, must be a multiple of " +
                              std::to_string(alignment));
  }
};

Location shared(const Request &request, uint32_t address, bool cluster) {
  Thread &thread = request.thread;
  Cta *cta = thread.cta;
  uint32_t rank = address >> kSharedRankShift, offset = address & kSharedOffsetMask;
  if (rank != 0) {
    if (rank > cta->cluster->blocks.size())
      request.fail(Check::Bounds, "shared address " + hex(address) + ": no block of the cluster has rank " +
                                      std::to_string(rank - 1) + ", there are " +
                                      std::to_string(cta->cluster->blocks.size()));
    Cta *owner = cta->cluster->blocks[rank - 1];
    if (owner != cta && !cluster)
      request.fail(Check::Space, "shared address " + hex(address) + ": belongs to block " + std::to_string(rank - 1) +
                                     " of the cluster, but the instruction is for the thread's own block " +
                                     std::to_string(cta->rank) + " (.shared::cta); use .shared::cluster");
    cta = owner;
    if (cta->live == 0)
      request.fail(Check::Lifetime, "shared address " + hex(offset) + " of block " + std::to_string(rank - 1) +
                                        " of the cluster: that block has exited, and its shared memory with it; a "
                                        "barrier.cluster must keep it alive");
  }
  if (offset & (request.alignment - 1))
    request.fail(Check::Bounds, "shared address " + hex(offset) + ": misaligned, must be a multiple of " +
                                    std::to_string(request.alignment));
  if (offset < kSharedStart)
    request.fail(Check::Bounds, "shared address " + hex(offset) + ": the first " + std::to_string(kSharedStart) +
                                    " bytes of the window belong to the system" +
                                    (offset == 0 ? "; a null pointer, or a global address cut to 32 bits" : ""));
  if (offset > cta->sharedEnd || request.bytes > cta->sharedEnd - offset)
    request.fail(Check::Bounds,
                 "shared address " + hex(offset) + ": " +
                     (offset < cta->sharedEnd
                          ? std::to_string(request.bytes - (cta->sharedEnd - offset)) + " of them behind the end"
                          : std::to_string(offset - cta->sharedEnd) + " bytes behind the end") +
                     " of the block's shared memory (" + std::to_string(cta->staticSharedBytes) + " static and " +
                     std::to_string(cta->dynamicSharedBytes) + " dynamic bytes, up to " + hex(cta->sharedEnd) + ")");
  return {Space::Shared, cta->shared + offset, cta->sharedShadow ? cta->sharedShadow + offset : nullptr, cta, offset};
}

Location local(const Request &request, uint64_t offset) {
  Thread &thread = request.thread;
  if (offset & (request.alignment - 1))
    request.fail(Check::Bounds, "local offset " + hex(offset) + ": misaligned, must be a multiple of " +
                                    std::to_string(request.alignment));
  if (offset > thread.localBytes || request.bytes > thread.localBytes - offset)
    request.fail(Check::Bounds, "local offset " + hex(offset) + ": outside the thread's " +
                                    std::to_string(thread.localBytes) + " bytes of local memory");
  if (offset + request.bytes > thread.localTop)
    request.fail(Check::Lifetime, "local offset " + hex(offset) + ": behind the frames of the functions at work (" +
                                      hex(thread.localTop) + "): local memory of a function that has returned");
  return {Space::Local, thread.local + offset, thread.localShadow ? thread.localShadow + offset : nullptr, nullptr,
          offset};
}

Location global(const Request &request) {
  Thread &thread = request.thread;
  Memory &memory = thread.grid->device->memory();
  const Allocation *allocation = memory.find(request.address);
  uint64_t offset = allocation ? request.address - allocation->address : 0;
  if (!allocation || request.bytes > allocation->bytes - offset) {
    uint64_t window = request.address & kWindowMask;
    const char *spaceName = window == kSharedWindow     ? "generic address of shared memory"
                            : window == kLocalWindow    ? "generic address of local memory"
                            : window == kFunctionWindow ? "address of a function"
                                                        : nullptr;
    if (spaceName)
      request.fail(Check::Space, "address " + hex(request.address) + ": the " + spaceName +
                                     ", but the instruction is "
                                     "for " +
                                     (request.space == Space::Generic ? "data" : "global memory"));
    bool freed = false;
    std::string reason = memory.explain(request.address, request.bytes, freed);
    bool small = !freed && request.address < (1ull << 32) && request.address >= kSharedStart &&
                 (request.address & kSharedOffsetMask) < thread.sharedEnd;
    if (small)
      reason = "a shared address, or a null pointer with an offset, but the instruction takes a generic or global one";
    request.fail(freed   ? Check::Lifetime
                 : small ? Check::Space
                         : Check::Bounds,
                 "address " + hex(request.address) + ": " + reason);
  }
  request.checkAlignment("global");
  if (allocation->readOnly && request.access != Access::Read)
    request.fail(Check::Bounds,
                 "address " + hex(request.address) + ": inside '" + allocation->label + "', which is read-only");
  if (request.access != Access::Read && thread.grid->poison)
    memory.noteWritten(request.address, request.bytes);
  return {Space::Global, reinterpret_cast<uint8_t *>(request.address),
          allocation->shadow ? allocation->shadow + offset : nullptr, nullptr, request.address};
}

} // namespace

Location resolve(Thread &thread, const Site *site, Space space, uint64_t address, uint64_t bytes, uint64_t alignment,
                 Access access) {
  Request request{thread, site, space, address, bytes, alignment ? alignment : 1, access};
  thread.site = site;
  switch (space) {
  case Space::Shared:
  case Space::SharedCluster:
    if (address >> 32)
      request.fail(Check::Space, "shared address " + hex(address) +
                                     ": has more than 32 bits; a generic address must be converted by cvta.to.shared");
    return shared(request, uint32_t(address), space == Space::SharedCluster);
  case Space::Local:
    if ((address & kWindowMask) == kLocalWindow)
      request.fail(Check::Space,
                   "local offset " + hex(address) + ": a generic address; it must be converted by cvta.to.local");
    return local(request, address);
  case Space::Generic:
    if ((address & kWindowMask) == kSharedWindow && (address & ~kWindowMask) >> 32 == 0)
      return shared(request, uint32_t(address), true);
    if ((address & kWindowMask) == kLocalWindow)
      return local(request, address & ~kWindowMask);
    break;
  default:
    break;
  }
  return global(request);
}

} // namespace ptxsim

extern "C" uint8_t *ptxsim_address(ptxsim::Thread *thread, const ptxsim::Site *site, uint64_t address) {
  using namespace ptxsim;
  llvm::StringRef opcode = site->instruction->opcode();
  Access access = opcode == "st" ? Access::Write : opcode == "atom" || opcode == "red" ? Access::Atomic : Access::Read;
  // Loads and stores are aligned to all that they access, vectors included (PTX ISA 9.0, section 6.4.1.1).
  Location where = resolve(*thread, site, site->space, address, site->bytes, site->bytes, access);
  if (where.space == ptx::Space::Global)
    if (const Allocation *allocation = thread->grid->device->memory().find(address); !allocation->readOnly) {
      thread->globalLow = allocation->address;
      thread->globalHigh = allocation->address + allocation->bytes;
    }
  return where.host;
}
