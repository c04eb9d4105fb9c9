// Data sets of token documents, and the packing of documents into microbatches.
//
// A data set is a directory: dataset.json, and for each split a safetensors file with "tokens" I32 [N],
// "document_offsets" I64 [D + 1] and, if wanted, "weights" F32 [N] (what the loss of that token's row is multiplied
// by).
#ifndef MOTLEY_RUNTIME_DATA_H
#define MOTLEY_RUNTIME_DATA_H

#include "runtime/balance.h"
#include "runtime/manifest.h"
#include "runtime/microbatch.h"
#include "runtime/safetensors.h"
#include "runtime/status.h"

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace motley::runtime {

/// One split, mapped; the pointers live as long as the Dataset.
struct Split {
  std::string name;
  std::string path;
  const int32_t *tokens = nullptr;          ///< [numTokens]
  const int64_t *documentOffsets = nullptr; ///< [numDocuments + 1], ascending from 0 to numTokens
  const float *weights = nullptr;           ///< [numTokens], or null: all 1
  int64_t numTokens = 0;
  int64_t numDocuments = 0;
};

/// Immutable; shared by its loaders.
class Dataset {
public:
  /// Opens and checks a data set: format, digests of the files, offsets, every token id. Errors name the file.
  static Result<std::shared_ptr<const Dataset>> open(const std::string &directory);

  const std::string &directory() const { return theDirectory; }
  const std::string &name() const { return theName; }
  int64_t vocabulary() const { return theVocabulary; }
  const std::vector<Modality> &modalities() const { return theModalities; }
  /// Ids by name: "end_of_document", "begin_image", "end_image", ...
  const std::map<std::string, int64_t> &special() const { return theSpecial; }
  /// The digest that stands for the whole data set in checkpoints.
  const std::string &checksum() const { return theChecksum; }
  /// Null when there is no such split.
  const Split *split(const std::string &name) const;
  /// Index of the modality whose range holds a token id; -1: none.
  int modalityOf(int32_t token) const;

  /// Whether a module can be trained on it: the same modality names and ranges. The message shows both.
  Status checkModalities(const std::vector<Modality> &module) const;

private:
  Dataset() = default;
  Status readIndex();
  Status readSplit(const std::string &name, const std::string &file, int64_t numTokens, int64_t numDocuments,
                   const std::string &sha256);

  std::string theDirectory, theName, theChecksum;
  int64_t theVocabulary = 0;
  std::vector<Modality> theModalities;
  std::map<std::string, int64_t> theSpecial;
  std::vector<std::unique_ptr<SafetensorsFile>> files;
  std::vector<Split> splits;
};

/// Packs the documents of a split into microbatches of at most `rows` rows, each document in one piece; a document
/// longer than `rows` is cut into pieces, each a document of its own (a piece's last token keeps its target, which is
/// the next piece's first). Every token comes once per epoch. A microbatch never mixes two epochs. The order depends on
/// the seed and the epoch alone.
///
/// With a balance, the next document is always one of the modality that lacks most (Balance); what is plentiful is
/// skipped, and what is scarce comes again as soon as an epoch is over: microbatches then mix epochs, `index` counts
/// the tokens that were handed out, and next() never ends.
class Loader {
public:
  struct Options {
    int64_t rows = 0;
    uint64_t seed = 0;
    bool shuffle = true;                   ///< false: documents in file order (held-out data)
    std::map<std::string, double> balance; ///< wished shares of tokens by modality; empty: as the data has them
  };
  static Result<Loader> create(std::shared_ptr<const Dataset> dataset, const std::string &split,
                               const Options &options);

  /// The next microbatch; after the last of an epoch the next epoch begins.
  void next(Microbatch &out);
  /// False, with `out` all dead, when the epoch is over; then rewind() or next() goes on.
  bool nextInEpoch(Microbatch &out);
  /// Back to the first microbatch of the first epoch.
  void rewind();

  int64_t epoch() const { return theEpoch; }
  /// The whole position as JSON, for checkpoints.
  std::string state() const;
  /// What tells a loader's positions from those of this one, as "seed 1 there and 2 here, rows ..."; empty where
  /// nothing does. Of what is no position at all, that.
  std::string differenceTo(const std::string &state) const;
  /// Takes up a position. Refuses the state of another data set, split or seed.
  Status restore(const std::string &state);

private:
  // The rest of a document from `begin` on; `index` is the stream index of its token `begin`.
  struct Pending {
    int64_t document;
    int64_t begin;
    int64_t index;
    int modality = 0; // that the next piece belongs to, with a balance
  };

  Loader() = default;
  void startEpoch(int64_t epoch);
  void refill();
  void refill(int modality);
  Status checkBalance();
  std::deque<Pending>::iterator choose(int64_t room);
  int64_t remaining(const Pending &entry) const;
  std::vector<int64_t> countPiece(const Pending &entry) const;
  void appendPiece(Microbatch &out, const Pending &entry, int64_t length, int32_t document, int32_t &spans) const;

  std::shared_ptr<const Dataset> dataset;
  const Split *split = nullptr;
  Options options;
  int textModality = 0; // the modality of the special tokens: the only one without spans
  std::vector<int64_t> permutation;
  int64_t theEpoch = 0;
  int64_t nextDocument = 0; // into permutation
  int64_t nextIndex = 0;    // stream index of the first token of nextDocument
  std::deque<Pending> pending;
  Balance balance;
};

} // namespace motley::runtime

#endif // MOTLEY_RUNTIME_DATA_H
