// An instruction at its place in a translated program, and the one calling convention of everything that is not
// inlined.
#pragma once

#include "ptx/Module.h"

#include <cstdint>
#include <memory>

namespace ptxsim {

struct Thread;
struct Site;

/// Runs one instruction for one thread.
/// `in` has a 64-bit slot for each source value: operands in the order of the text, vectors flattened, predicates 0 or
/// 1, values zero-extended bit patterns; an Address operand gives its sum base + offset (shared addresses as 32-bit
/// values), then its coordinates. A 128-bit register takes two slots, low half first. `out` has a slot for each written
/// register; a sink `_` has one too; a pair d|p always has two. Operands that are read and written (wgmma's d) are in
/// `out` only: current values at entry. When the launch tracks poison, in[numSources + k] and out[numResults + k] are
/// the shadows of slot k: a set bit is undefined.
using Handler = void (*)(Thread *thread, const Site *site, const uint64_t *in, uint64_t *out);

/// What a family decodes from the modifiers once, at translation.
struct Payload {
  virtual ~Payload() = default;
};

struct Site {
  const ptx::Instruction *instruction = nullptr;
  const ptx::Function *function = nullptr;
  const ptx::Module *module = nullptr;
  Handler handler = nullptr;
  uint32_t id = 0; ///< dense within a translated program
  uint16_t numSources = 0, numResults = 0;
  // Decoded by the translator for loads, stores, atomics and whatever else has a memory operand.
  ptx::Space space = ptx::Space::Generic;
  uint32_t bytes = 0; ///< accessed per thread, all vector elements together
  std::unique_ptr<Payload> payload;
};

template <class T> const T &payload(const Site *site) { return static_cast<const T &>(*site->payload); }

/// Chooses the handler and decodes the payload for an instruction that is not inlined. Throws ptx::Error for a
/// combination of modifiers that the table lets through and no handler implements.
void bind(Site &site);

// The families, each in its own file: true if the instruction is theirs.
bool bindLoadStore(Site &site); ///< instrumented ld, st, ldu, prefetch; check/
bool bindBarrier(Site &site);   ///< bar, barrier, barrier.cluster, bar.warp, griddepcontrol, nanosleep, exit-like
bool bindWarp(Site &site);      ///< shfl, vote, match, redux, elect, activemask
bool bindAtomic(Site &site);    ///< atom, red, also vectors and .async-less forms; multimem is refused
bool bindFence(Site &site);     ///< fence, membar, fence.proxy, fence.mbarrier_init
bool bindMatrix(Site &site);    ///< mma, ldmatrix, stmatrix, movmatrix
bool bindWgmma(Site &site);     ///< wgmma.*, setmaxnreg
bool bindAsyncCopy(Site &site); ///< cp.async and its groups, cp.async.mbarrier.arrive
bool bindMbarrier(Site &site);  ///< mbarrier.*
bool bindBulkCopy(
    Site &site); ///< cp.async.bulk*, cp.reduce.async.bulk*, st.async, red.async, bulk groups, prefetch of tensors
bool bindTensorMap(Site &site); ///< tensormap.*, fence.proxy.tensormap, tensormap.cp_fenceproxy
bool bindCluster(Site &site);   ///< mapa, getctarank, isspacep
bool bindSpecial(
    Site &site); ///< special registers that need the engine (clock, globaltimer, smid), trap, brkpt, pmevent, vprintf

/// Functions that programs declare and the system provides: vprintf, malloc, free, __assertfail. The handler of a call
/// to one, or null if `name` is none of them. Its site is the call instruction; sources are the arguments, a slot for
/// each parameter in the order of the declaration; results as the declaration says (a slot or none).
Handler systemFunction(llvm::StringRef name);

} // namespace ptxsim

/// The value of any special register for a thread (`special`: ptx::SpecialRegister). Translated code may inline the
/// constant ones.
extern "C" uint64_t ptxsim_special_register(ptxsim::Thread *thread, uint32_t special, uint32_t component);
