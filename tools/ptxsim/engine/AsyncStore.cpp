// st.async and red.async: stores to shared memory of the cluster that complete on an mbarrier there (PTX ISA 9.0,
// sections 9.7.9.13 and 9.7.13.7). They are asynchronous, but accesses of the generic proxy.
#include "engine/BulkCopy.h"

#include <cstring>

namespace ptxsim {

namespace {

struct StorePayload : Payload {
  ptx::Space space = ptx::Space::Generic;
  unsigned elements = 1, elementBytes = 4;
  int barrierSlot = 0;
  Reducer reducer = nullptr; ///< null: a store
};

struct ElementStore : PendingCopy {
  Bytes to;
  uint8_t data[16], shadow[16];
  unsigned bytes = 0, elementBytes = 0;
  Reducer reducer = nullptr;
  const Thread *issuer = nullptr;
  const Site *site = nullptr;
  MbarrierTicket ticket;
  void land() override {
    Bytes from;
    from.host = data;
    from.shadow = shadow;
    moveBytes(to, from, bytes, reducer, elementBytes);
    completeCopy(*issuer, site, ticket, bytes);
  }
};

void storeAsync(Thread *thread, const Site *site, const uint64_t *in, uint64_t *) {
  thread->site = site;
  const auto &how = payload<StorePayload>(site);
  checkAddress(*thread, site, in, 0);
  checkAddress(*thread, site, in, unsigned(how.barrierSlot));
  const unsigned bytes = how.elements * how.elementBytes;
  const Access kind = how.reducer ? Access::Atomic : Access::Write;
  const Location to = resolve(*thread, site, how.space, in[0], bytes, bytes, kind);
  if (to.space != ptx::Space::Shared)
    thread->grid->reporter->fail(Check::Space, *thread, site,
                                 "address " + hexadecimal(in[0]) + " is not shared memory of the cluster");
  const MbarrierPlace barrier = liveMbarrier(*thread, site, how.space, in[how.barrierSlot]);
  checkSameBlock(*thread, site, barrier, to);
  overlapsBarrier(*thread, site, to, bytes);
  SyncClock issued;
  RaceDetector *races = thread->grid->races;
  if (races)
    races->snapshot(*thread, issued);
  auto store = std::make_unique<ElementStore>();
  store->to = to;
  store->bytes = bytes;
  store->elementBytes = how.elementBytes;
  store->reducer = how.reducer;
  store->issuer = thread;
  store->site = site;
  std::memset(store->shadow, 0xff, sizeof store->shadow);
  for (unsigned k = 0; k < how.elements; ++k) {
    std::memcpy(store->data + k * how.elementBytes, &in[1 + k], how.elementBytes);
    const uint64_t defined = thread->grid->poison ? ~in[site->numSources + 1 + k] : ~uint64_t(0);
    std::memcpy(store->shadow + k * how.elementBytes, &defined, how.elementBytes);
  }
  store->ticket = announceCopy(*thread, site, barrier, issued, false);
  if (races)
    races->asyncAccess(*thread, site, issued, store->ticket.agent, store->ticket.operation, false, to, bytes, kind);
  if (thread->cta->scheduler->isRandom() && !how.reducer)
    spoilBytes(to, bytes);
  issueOnMbarrier(*thread, *barrier.cta, std::move(store));
}

} // namespace

bool bindAsyncStore(Site &site) {
  const ptx::Instruction &instruction = *site.instruction;
  const bool reduces = instruction.opcode() == "red";
  if (!(reduces || instruction.opcode() == "st") || !instruction.has("async"))
    return false;
  if (!instruction.has("mbarrier::complete_tx::bytes") || instruction.operands.size() != 3)
    throw ptx::Error(instruction.position,
                     "'" + instruction.spelling() + "': only the form that completes on an mbarrier is known");
  auto how = std::make_unique<StorePayload>();
  how->space = sharedSpaceOf(instruction);
  how->elements = reduces ? 1 : instruction.vectorWidth();
  how->elementBytes = ptx::bitWidth(instruction.lastType()) / 8;
  how->barrierSlot = sourceSlots(instruction)[2];
  if (how->elements * how->elementBytes > 16 || how->elementBytes < 4)
    throw ptx::Error(instruction.position, "'" + instruction.spelling() + "' moves more than 16 bytes, or less than 4");
  if (reduces) {
    how->reducer =
        reducerFor(instruction.first({"add", "min", "max", "inc", "dec", "and", "or", "xor"}), instruction.lastType());
    if (!how->reducer)
      throw ptx::Error(instruction.position, "'" + instruction.spelling() + "': this reduction does not exist");
  }
  site.payload = std::move(how);
  site.handler = storeAsync;
  return true;
}

} // namespace ptxsim
