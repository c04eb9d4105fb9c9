// How documents are chosen so that the tokens of the modalities keep a wished ratio.
#ifndef MOTLEY_RUNTIME_BALANCE_H
#define MOTLEY_RUNTIME_BALANCE_H

#include "runtime/manifest.h"
#include "runtime/status.h"

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace motley::runtime {

/// Counts tokens by modality and tells which modality lacks most of its share. A document belongs to the modality that
/// it holds most of, measured by the shares; that one's part of it is at least its share. So a document of the modality
/// that lacks most never lets it lack more, and, of two modalities, neither is ever further from its share of all
/// tokens so far than one document is long; of n modalities, than n - 1 documents.
class Balance {
public:
  Balance() = default;
  /// `wished` names every modality once, with a weight above 0.
  static Result<Balance> create(const std::map<std::string, double> &wished, const std::vector<Modality> &modalities);

  bool isOn() const { return !shares.empty(); }
  /// The modality that a document with these tokens by modality belongs to.
  int classify(const std::vector<int64_t> &counts) const;
  /// The modality whose count is furthest below its share; the first of equals.
  int mostLacking() const;
  void add(const std::vector<int64_t> &counts);

  const std::vector<int64_t> &counts() const { return taken; }
  void restore(const std::vector<int64_t> &counts) { taken = counts; }

private:
  std::vector<double> shares; // of all tokens; they sum to 1
  std::vector<int64_t> taken; // tokens so far
};

} // namespace motley::runtime

#endif // MOTLEY_RUNTIME_BALANCE_H
