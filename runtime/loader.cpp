// Packing. A short list of documents is pending, in the epoch's order; the first that fits goes into the microbatch,
// the head of the list always into an empty one, so that nothing waits for ever. The list is what keeps microbatches
// full: with documents in strict order, the one that does not fit would leave a hole of half its length on average.
#include "runtime/data.h"

#include "runtime/json_cursor.h"
#include "runtime/random.h"

#include <algorithm>
#include <numeric>

namespace motley::runtime {

static constexpr size_t maxPending = 32;
// Philox counter words 2 and 3: the epoch, and what the randomness is for.
static constexpr uint32_t siteShuffle = 0x73687566; // "shuf"

Result<Loader> Loader::create(std::shared_ptr<const Dataset> dataset, const std::string &splitName,
                              const Options &options) {
  return guarded([&]() -> Result<Loader> {
    if (!dataset)
      return Status::error(Code::InvalidArgument, "a loader needs a data set, got none");
    if (options.rows < 1)
      return Status::error(Code::InvalidArgument,
                           "microbatches of " + std::to_string(options.rows) + " rows, expected at least 1");
    Loader loader;
    loader.dataset = dataset;
    loader.options = options;
    loader.split = dataset->split(splitName);
    if (!loader.split)
      return Status::error(Code::NotFound, "data set '" + dataset->directory() + "' has no split '" + splitName + "'");
    if (loader.split->numTokens == 0)
      return Status::error(Code::InvalidArgument, loader.split->path + ": has no tokens");
    auto end = dataset->special().find("end_of_document");
    if (end != dataset->special().end())
      loader.textModality = std::max(0, dataset->modalityOf(int32_t(end->second)));
    MOTLEY_ASSIGN(loader.balance, Balance::create(options.balance, dataset->modalities()));
    loader.startEpoch(0);
    if (loader.balance.isOn())
      MOTLEY_RETURN_IF_ERROR(loader.checkBalance());
    return loader;
  });
}

void Loader::startEpoch(int64_t epoch) {
  theEpoch = epoch;
  nextDocument = 0;
  if (!balance.isOn()) {
    nextIndex = 0;
    pending.clear();
  }
  permutation.resize(size_t(split->numDocuments));
  std::iota(permutation.begin(), permutation.end(), int64_t(0));
  if (!options.shuffle)
    return;
  PhiloxKey key = philoxKey(options.seed);
  for (int64_t i = split->numDocuments - 1; i > 0; --i) {
    PhiloxCounter word = philox4x32({uint32_t(i), uint32_t(i >> 32), uint32_t(epoch), siteShuffle}, key);
    uint64_t other = boundedFromBits(uint64_t(word[1]) << 32 | word[0], uint64_t(i) + 1);
    std::swap(permutation[size_t(i)], permutation[other]);
  }
}

void Loader::rewind() {
  pending.clear();
  nextIndex = 0;
  balance.restore(std::vector<int64_t>(balance.counts().size()));
  startEpoch(0);
}

int64_t Loader::remaining(const Pending &entry) const {
  return split->documentOffsets[entry.document + 1] - split->documentOffsets[entry.document] - entry.begin;
}

void Loader::refill() {
  while (pending.size() < maxPending && nextDocument < split->numDocuments) {
    Pending entry{permutation[size_t(nextDocument)], 0, nextIndex};
    ++nextDocument;
    nextIndex += remaining(entry);
    if (remaining(entry) > 0)
      pending.push_back(entry);
  }
}

std::vector<int64_t> Loader::countPiece(const Pending &entry) const {
  std::vector<int64_t> counts(dataset->modalities().size());
  const int32_t *tokens = split->tokens + split->documentOffsets[entry.document] + entry.begin;
  for (int64_t i = 0, length = std::min(remaining(entry), options.rows); i < length; ++i)
    ++counts[size_t(dataset->modalityOf(tokens[i]))];
  return counts;
}

/// Until a document of the modality is pending. Of a modality that has enough pending, documents are skipped.
void Loader::refill(int modality) {
  std::vector<size_t> waiting(dataset->modalities().size());
  for (const Pending &entry : pending)
    ++waiting[size_t(entry.modality)];
  while (waiting[size_t(modality)] == 0) {
    if (nextDocument == split->numDocuments)
      startEpoch(theEpoch + 1);
    Pending entry{permutation[size_t(nextDocument++)], 0, 0};
    if (remaining(entry) == 0)
      continue;
    entry.modality = balance.classify(countPiece(entry));
    if (waiting[size_t(entry.modality)] == maxPending)
      continue;
    pending.push_back(entry);
    ++waiting[size_t(entry.modality)];
  }
}

/// A modality without a document of its own could never have its share.
Status Loader::checkBalance() {
  std::vector<bool> found(dataset->modalities().size());
  for (int64_t document = 0; document < split->numDocuments; ++document)
    if (Pending entry{document, 0, 0}; remaining(entry) > 0)
      found[size_t(balance.classify(countPiece(entry)))] = true;
  for (size_t i = 0; i < found.size(); ++i)
    if (!found[i])
      return Status::error(Code::InvalidArgument, split->path + ": no document has as much of '" +
                                                      dataset->modalities()[i].name +
                                                      "' as the balance wishes; ask for less of it");
  return Status::ok();
}

/// The pending document that comes next into `room` rows; the end where none fits.
std::deque<Loader::Pending>::iterator Loader::choose(int64_t room) {
  auto fits = [&](const Pending &entry) { return std::min(remaining(entry), options.rows) <= room; };
  if (!balance.isOn()) {
    refill();
    return std::find_if(pending.begin(), pending.end(), fits);
  }
  int wanted = balance.mostLacking();
  refill(wanted);
  return std::find_if(pending.begin(), pending.end(),
                      [&](const Pending &entry) { return entry.modality == wanted && fits(entry); });
}

void Loader::appendPiece(Microbatch &out, const Pending &entry, int64_t length, int32_t document,
                         int32_t &spans) const {
  int64_t first = split->documentOffsets[entry.document] + entry.begin;
  int64_t documentEnd = split->documentOffsets[entry.document + 1];
  bool inSpan = false;
  int32_t spanModality = -1;
  for (int64_t i = 0; i < length; ++i) {
    size_t row = size_t(out.live + i);
    int64_t at = first + i;
    int32_t modality = dataset->modalityOf(split->tokens[at]);
    bool hasTarget = at + 1 < documentEnd;
    out.token[row] = split->tokens[at];
    out.target[row] = hasTarget ? split->tokens[at + 1] : -1;
    out.weight[row] = !hasTarget ? 0.0f : split->weights ? split->weights[at] : 1.0f;
    out.modality[row] = modality;
    out.document[row] = document;
    out.order[row] = out.position[row] = int32_t(i);
    // Wraps after 2^31 tokens of an epoch; a microbatch still holds no index twice.
    out.index[row] = int32_t((entry.index + i) & INT32_MAX);
    bool wasInSpan = inSpan && modality == spanModality;
    inSpan = modality != textModality;
    spanModality = modality;
    if (inSpan && !wasInSpan)
      ++spans;
    out.span[row] = inSpan ? spans - 1 : -1;
  }
  out.live += length;
}

bool Loader::nextInEpoch(Microbatch &out) {
  out.reset(options.rows);
  int32_t documents = 0, spans = 0; // so far in the microbatch
  while (out.live < options.rows) {
    auto fits = choose(options.rows - out.live);
    if (fits == pending.end())
      break;
    int64_t length = std::min(remaining(*fits), options.rows);
    if (balance.isOn()) {
      balance.add(countPiece(*fits));
      fits->index = nextIndex;
      nextIndex += length;
    }
    appendPiece(out, *fits, length, documents++, spans);
    fits->begin += length;
    fits->index += length;
    if (remaining(*fits) == 0)
      pending.erase(fits);
    else if (balance.isOn())
      fits->modality = balance.classify(countPiece(*fits));
  }
  return out.live > 0;
}

void Loader::next(Microbatch &out) {
  // A split has tokens, so a fresh epoch has a microbatch.
  if (!nextInEpoch(out)) {
    startEpoch(theEpoch + 1);
    nextInEpoch(out);
  }
}

std::string Loader::state() const {
  nlohmann::json waiting = nlohmann::json::array();
  for (const Pending &entry : pending)
    waiting.push_back({entry.document, entry.begin, entry.index});
  nlohmann::json state = {{"dataset", dataset->checksum()}, {"split", split->name},    {"seed", options.seed},
                          {"shuffle", options.shuffle},     {"rows", options.rows},    {"epoch", theEpoch},
                          {"next_document", nextDocument},  {"next_index", nextIndex}, {"pending", waiting}};
  if (balance.isOn()) {
    state["balance"] = options.balance;
    state["counts"] = balance.counts();
  }
  return state.dump();
}

std::string Loader::differenceTo(const std::string &text) const {
  auto there = nlohmann::json::parse(text, nullptr, false), here = nlohmann::json::parse(state());
  if (!there.is_object())
    return "it is not a JSON object";
  std::string differences;
  for (const char *key : {"dataset", "split", "seed", "shuffle", "rows", "balance"}) {
    auto theirs = there.value(key, nlohmann::json()), mine = here.value(key, nlohmann::json());
    if (theirs == mine)
      continue;
    auto spell = [](const nlohmann::json &value) {
      return value.is_null() ? "none" : value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    };
    differences += (differences.empty() ? "" : ", ") + std::string(key) + " " + spell(theirs) + " there and " +
                   spell(mine) + " here";
  }
  return differences;
}

Status Loader::restore(const std::string &text) {
  return guarded([&]() -> Status {
    std::string origin = "position in the data";
    MOTLEY_ASSIGN(nlohmann::json document, parseJson(text, origin));
    JsonCursor root(document, origin);
    auto expect = [&](const char *key, const nlohmann::json &mine) -> Status {
      MOTLEY_ASSIGN(JsonCursor at, root.at(key));
      if (at.json() == mine)
        return Status::ok();
      return at.error("is " + at.json().dump() + ", but this run has " + mine.dump(), Code::Incompatible);
    };
    MOTLEY_RETURN_IF_ERROR(expect("dataset", dataset->checksum()));
    MOTLEY_RETURN_IF_ERROR(expect("split", split->name));
    MOTLEY_RETURN_IF_ERROR(expect("seed", options.seed));
    MOTLEY_RETURN_IF_ERROR(expect("shuffle", options.shuffle));
    MOTLEY_RETURN_IF_ERROR(expect("rows", options.rows));
    if (balance.isOn() || root.has("balance"))
      MOTLEY_RETURN_IF_ERROR(expect("balance", options.balance));
    int64_t epoch = 0, nextInOrder = 0, index = 0;
    MOTLEY_RETURN_IF_ERROR(readKey(root, "epoch", epoch));
    MOTLEY_RETURN_IF_ERROR(readKey(root, "next_document", nextInOrder));
    MOTLEY_RETURN_IF_ERROR(readKey(root, "next_index", index));
    MOTLEY_ASSIGN(JsonCursor list, root.at("pending"));
    MOTLEY_ASSIGN(auto entries, list.elements());
    std::deque<Pending> restored;
    for (const JsonCursor &entry : entries) {
      MOTLEY_ASSIGN(std::vector<int64_t> numbers, entry.integers());
      bool sound = numbers.size() == 3 && numbers[0] >= 0 && numbers[0] < split->numDocuments && numbers[1] >= 0 &&
                   remaining({numbers[0], numbers[1], 0}) > 0;
      if (!sound)
        return entry.error("is " + entry.json().dump() + ", expected [document, first token, index] inside the split");
      restored.push_back({numbers[0], numbers[1], numbers[2]});
    }
    if (epoch < 0 || nextInOrder < 0 || nextInOrder > split->numDocuments || index < 0)
      return root.error("says epoch " + std::to_string(epoch) + ", document " + std::to_string(nextInOrder) +
                        ", index " + std::to_string(index) + ", which is outside the split");
    std::vector<int64_t> counts;
    if (balance.isOn()) {
      MOTLEY_ASSIGN(JsonCursor at, root.at("counts"));
      MOTLEY_ASSIGN(counts, at.integers());
      if (counts.size() != balance.counts().size() ||
          std::any_of(counts.begin(), counts.end(), [](int64_t count) { return count < 0; }))
        return at.error("is " + at.json().dump() + ", expected a number of tokens for each modality");
      for (Pending &entry : restored)
        entry.modality = balance.classify(countPiece(entry));
    }
    balance.restore(counts);
    startEpoch(epoch);
    nextDocument = nextInOrder;
    nextIndex = index;
    pending = std::move(restored);
    return Status::ok();
  });
}

} // namespace motley::runtime
