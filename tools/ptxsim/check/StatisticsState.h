// The counters themselves; private to check/.
#pragma once

#include "check/Statistics.h"

#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/SmallVector.h"

#include <array>
#include <deque>
#include <string>
#include <tuple>

namespace ptxsim {

/// What one instruction did to memory.
struct MemoryCounters {
  uint64_t requests = 0, lanes = 0, bytes = 0;
  uint64_t sectors = 0, idealSectors = 0, lines = 0; ///< global
  uint64_t wavefronts = 0, idealWavefronts = 0;      ///< shared
  uint64_t multiplyAdds = 0, products = 0;           ///< tensor instructions
  void add(const MemoryCounters &other);
};

/// Where an instruction stands, kept beyond the life of its program.
struct SiteText {
  std::string instruction; ///< "ld.shared.f32 at k.ptx:120 (gemm.cu:45)"
  std::string spelling;    ///< "ld.shared.f32"
  std::string family;
  std::string file;
  uint32_t line = 0;
  std::string source; ///< "gemm.cu:45" or empty
  bool operator<(const SiteText &other) const {
    return std::tie(file, line, instruction) < std::tie(other.file, other.line, other.instruction);
  }
};

struct FamilyCounters {
  uint64_t warps = 0, threads = 0; ///< instructions issued for warps; executions by threads
};

/// A run of instructions and how full the warps were that went through it.
struct RunCounters {
  uint64_t warps = 0, threads = 0;
  uint32_t length = 0;
};

struct Statistics::Implementation {
  // --- while a launch runs ---
  struct Request {
    uint32_t lanes = 0; ///< mask
    bool shared = false, local = false, atomic = false;
    uint32_t bytes = 0;
    llvm::SmallVector<std::pair<uint32_t, uint64_t>, 32> addresses; ///< lane, address
  };
  /// An instruction in one warp: requests that not all lanes have joined.
  struct OpenSite {
    uint32_t turns[32] = {};
    uint32_t firstTurn = 0; ///< of open.front()
    std::deque<Request> open;
  };
  struct RunTurns {
    std::vector<std::array<uint32_t, 32>> lanes; ///< by warp
    uint32_t count = 0;
  };
  struct OpenBlock {
    llvm::DenseMap<std::pair<uint32_t, const Site *>, OpenSite> sites;
    llvm::DenseMap<std::pair<const ptx::Function *, uint32_t>, RunTurns> runs;
    uint64_t lastUse = 0;
  };
  std::map<uint32_t, OpenBlock> blocks; ///< by Cta::linear
  std::pair<uint32_t, OpenBlock *> lastBlock{0, nullptr};
  uint64_t uses = 0;
  std::map<const Site *, MemoryCounters> bySite;
  std::map<const Site *, FamilyCounters> executedSites;
  std::map<std::pair<const ptx::Function *, uint32_t>, RunCounters> runs;

  // --- finished ---
  enum Direction { Read, Written, Updated };
  enum Place { Global, Shared, OtherShared, Local };
  uint64_t bytes[4][3] = {}; ///< by Place and Direction
  std::map<SiteText, MemoryCounters> sites;
  std::map<std::string, FamilyCounters> families;
  std::map<SiteText, RunCounters> finishedRuns;
  uint64_t launches = 0;

  OpenBlock &blockOf(const Cta &cta);
  void close(const Site *site, const Request &request);
  void closeBlock(OpenBlock &block);
  MemoryCounters total() const;
};

} // namespace ptxsim
