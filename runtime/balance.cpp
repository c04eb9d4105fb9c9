#include "runtime/balance.h"

#include <cmath>
#include <numeric>

namespace motley::runtime {

Result<Balance> Balance::create(const std::map<std::string, double> &wished, const std::vector<Modality> &modalities) {
  auto invalid = [](const std::string &what) { return Status::error(Code::InvalidArgument, "balance " + what); };
  Balance balance;
  if (wished.empty())
    return balance;
  double total = 0;
  for (const Modality &modality : modalities) {
    auto weight = wished.find(modality.name);
    if (weight == wished.end())
      return invalid("does not name the modality '" + modality.name + "'; it needs a weight for each");
    if (!(weight->second > 0) || !std::isfinite(weight->second))
      return invalid("has the weight " + std::to_string(weight->second) + " for '" + modality.name +
                     "', expected a finite number above 0");
    balance.shares.push_back(weight->second);
    total += weight->second;
  }
  for (const auto &[name, weight] : wished) {
    bool known = false;
    for (const Modality &modality : modalities)
      known |= modality.name == name;
    if (!known)
      return invalid("names the modality '" + name + "', which the data does not have");
  }
  for (double &share : balance.shares)
    share /= total;
  balance.taken.resize(modalities.size());
  return balance;
}

int Balance::classify(const std::vector<int64_t> &counts) const {
  int found = 0;
  for (size_t i = 1; i < shares.size(); ++i)
    if (double(counts[i]) / shares[i] > double(counts[size_t(found)]) / shares[size_t(found)])
      found = int(i);
  return found;
}

int Balance::mostLacking() const {
  double total = double(std::accumulate(taken.begin(), taken.end(), int64_t(0)));
  int found = 0;
  double most = -INFINITY;
  for (size_t i = 0; i < shares.size(); ++i) {
    double lack = shares[i] * total - double(taken[i]);
    if (lack > most) {
      most = lack;
      found = int(i);
    }
  }
  return found;
}

void Balance::add(const std::vector<int64_t> &counts) {
  for (size_t i = 0; i < taken.size(); ++i)
    taken[i] += counts[i];
}

} // namespace motley::runtime
