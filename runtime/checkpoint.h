// Checkpoints: one safetensors file with every variable by its own name (row-major), its Adam moments as "adam.m/NAME"
// and "adam.v/NAME", its average as "ema/NAME" where there is one, and what else a run needs to go on bitwise.
// DIR/latest names the newest.
#ifndef MOTLEY_RUNTIME_CHECKPOINT_H
#define MOTLEY_RUNTIME_CHECKPOINT_H

#include "runtime/safetensors.h"
#include "runtime/state.h"
#include "runtime/status.h"

#include <cstdint>
#include <string>
#include <vector>

namespace motley::runtime {

/// What a checkpoint says beside its tensors.
struct CheckpointInfo {
  int64_t step = 0; ///< steps done
  uint64_t seed = 0;
  std::string data;   ///< Loader::state()
  std::string config; ///< JSON of the run's settings, for the reader; not interpreted
};

/// Writes DIR/checkpoint-<step>.safetensors, then DIR/latest, then deletes all but the newest `keep` checkpoints (0:
/// keeps all). On an error the checkpoints that were there stay. Returns the path.
Result<std::string> saveCheckpoint(const std::string &directory, const State &state, const CheckpointInfo &info,
                                   int keep = 0);

/// Loads parameters and moments. The state changes only if the whole file is sound: digests, and every variable's name
/// and shape; the message lists each one that is missing, unexpected or mis-shaped.
Result<CheckpointInfo> loadCheckpoint(const std::string &path, State &state);

/// Loads parameters alone: for evaluation, generation and fine-tuning. Moments in the file are not needed. With
/// `averaged`, a parameter takes its average where the file has one; a file without any is an error. The state's own
/// averages begin at the parameters.
Result<CheckpointInfo> loadParameters(const std::string &path, State &state, bool averaged = false);

/// What a checkpoint says beside its tensors, once it is found to be sound.
Result<CheckpointInfo> readCheckpointInfo(const std::string &path);

/// Writes parameters that no State holds as a checkpoint without moments, as fine-tuning takes them up.
Status writeParameters(const std::string &path, const std::vector<TensorSource> &tensors, const CheckpointInfo &info);

/// The path of the checkpoint that DIR/latest names.
Result<std::string> latestCheckpoint(const std::string &directory);

/// Steps of the checkpoints in a directory, ascending.
Result<std::vector<int64_t>> listCheckpoints(const std::string &directory);
/// Deletes what a killed process left half-written in a directory. Nobody else may be writing there.
Status removePartialFiles(const std::string &directory);
/// DIR/checkpoint-<step>.safetensors
std::string checkpointPath(const std::string &directory, int64_t step);

} // namespace motley::runtime

#endif // MOTLEY_RUNTIME_CHECKPOINT_H
