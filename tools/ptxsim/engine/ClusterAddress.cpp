// Addresses of shared memory within a cluster, and the spaces of generic addresses: mapa, getctarank, isspacep (PTX ISA
// 9.0, sections 9.7.9.19 to 9.7.9.24).
#include "engine/Memory.h"
#include "engine/Scheduler.h"

namespace ptxsim {

namespace {

constexpr uint64_t kWindowMask = 0xff00'0000'0000'0000;
constexpr uint32_t kOffsetMask = (1u << kSharedRankShift) - 1;

bool isSharedGeneric(uint64_t address) {
  return (address & kWindowMask) == kSharedWindow && (address & ~kWindowMask) >> 32 == 0;
}

void write(Thread *thread, const Site *site, const uint64_t *in, uint64_t *out, uint64_t value) {
  out[0] = value;
  if (!thread->grid->poison)
    return;
  uint64_t undefined = 0;
  for (unsigned i = 0; i < site->numSources; ++i)
    undefined |= in[site->numSources + i];
  out[site->numResults] = undefined ? ~0ull : 0;
}

// The rank is kept modulo the cluster's size by no hardware: a block that does not exist is a finding.
void runMapa(Thread *thread, const Site *site, const uint64_t *in, uint64_t *out) {
  thread->site = site;
  uint64_t address = in[0], rank = uint32_t(in[1]);
  uint64_t size = thread->cta->cluster->blocks.size();
  if (rank >= size)
    thread->grid->reporter->fail(Check::Bounds, *thread, site,
                                 "mapa to block " + std::to_string(rank) + " of a cluster of " + std::to_string(size) +
                                     (size == 1 ? " block" : " blocks"));
  bool generic = !site->instruction->has("shared::cluster");
  if (generic && !isSharedGeneric(address))
    thread->grid->reporter->fail(Check::Space, *thread, site,
                                 "mapa of a generic address that is not one of shared memory");
  uint64_t window = generic ? kSharedWindow : 0;
  write(thread, site, in, out, window | (rank + 1) << kSharedRankShift | (address & kOffsetMask));
}

void runGetctarank(Thread *thread, const Site *site, const uint64_t *in, uint64_t *out) {
  uint32_t rank = uint32_t(in[0]) >> kSharedRankShift;
  write(thread, site, in, out, rank ? rank - 1 : thread->cta->rank);
}

enum class Question : uint8_t { Constant, Global, Local, SharedCta, SharedCluster, Param };
struct SpacePayload : Payload {
  Question question = Question::Global;
};

void runIsspacep(Thread *thread, const Site *site, const uint64_t *in, uint64_t *out) {
  uint64_t address = in[0];
  bool yes = false;
  switch (payload<SpacePayload>(site).question) {
  case Question::SharedCta: {
    uint32_t rank = uint32_t(address) >> kSharedRankShift;
    yes = isSharedGeneric(address) && (rank == 0 || rank - 1 == thread->cta->rank);
    break;
  }
  case Question::SharedCluster:
    yes = isSharedGeneric(address);
    break;
  case Question::Local:
    yes = (address & kWindowMask) == kLocalWindow;
    break;
  case Question::Global: // parameters and constants lie in global memory, too, and say so
    yes = (address & kWindowMask) == 0;
    break;
  case Question::Constant:
  case Question::Param: {
    const Allocation *allocation = thread->grid->device->memory().find(address);
    bool block = address - reinterpret_cast<uint64_t>(thread->parameters) < thread->grid->kernel->parameterBytes();
    yes = allocation && allocation->readOnly && block == (payload<SpacePayload>(site).question == Question::Param);
    break;
  }
  }
  write(thread, site, in, out, yes);
}

} // namespace

bool bindCluster(Site &site) {
  const ptx::Instruction &instruction = *site.instruction;
  llvm::StringRef opcode = instruction.opcode();
  if (opcode == "mapa")
    return site.handler = runMapa, true;
  if (opcode == "getctarank")
    return site.handler = runGetctarank, true;
  if (opcode != "isspacep")
    return false;
  auto decoded = std::make_unique<SpacePayload>();
  decoded->question = instruction.has("const")                                      ? Question::Constant
                      : instruction.has("local")                                    ? Question::Local
                      : instruction.has("shared::cluster")                          ? Question::SharedCluster
                      : instruction.has("shared") || instruction.has("shared::cta") ? Question::SharedCta
                      : instruction.has("global")                                   ? Question::Global
                                                                                    : Question::Param;
  site.payload = std::move(decoded);
  site.handler = runIsspacep;
  return true;
}

} // namespace ptxsim
