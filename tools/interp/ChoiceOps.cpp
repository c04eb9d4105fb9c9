// Choices: which experts a row takes, which rows an expert takes, and what a bounded capacity leaves of them.
//
// Everywhere NaN is less than any number, and of equals the first wins: the lower expert, or the row of the lower
// index.
#include "tools/interp/Frame.h"

#include <cmath>

namespace mlir::motley::interp {

static bool isBetter(double a, double b) { return a > b || (std::isnan(b) && !std::isnan(a)); }

/// By how much the first of two scores is better: 0 if they are equal.
static double gap(double better, double worse) {
  if (better == worse || (std::isnan(better) && std::isnan(worse)))
    return 0;
  return std::isnan(worse) ? INFINITY : better - worse;
}

/// Candidates from the best to the worst; equals keep their order.
template <typename ScoreOf> static void sortByScore(std::vector<int64_t> &candidates, ScoreOf scoreOf) {
  std::vector<std::pair<int64_t, int64_t>> placed; // a candidate behind its place
  for (auto [place, candidate] : llvm::enumerate(candidates))
    placed.push_back({place, candidate});
  llvm::sort(placed, [&](const auto &a, const auto &b) {
    double scoreA = scoreOf(a.second), scoreB = scoreOf(b.second);
    return isBetter(scoreA, scoreB) || (!isBetter(scoreB, scoreA) && a.first < b.first);
  });
  llvm::copy(llvm::make_second_range(placed), candidates.begin());
}

namespace {
/// The choice of one operation while it is made.
class Choice {
public:
  Choice(Operation *op, const Tensor &scores, Frame &frame)
      : op(op), scores(scores), frame(frame), chosen(Tensor::ofInts(scores.shape)) {}

  double score(int64_t row, int64_t expert) const { return scores.row(row)[expert]; }
  /// Makes a row live: it has chosen no expert yet.
  void start(int64_t row) { std::fill_n(chosen.ints.begin() + row * numExperts(), numExperts(), 0); }
  void take(int64_t row, int64_t expert) { chosen.ints[row * numExperts() + expert] = 1; }
  bool isTaken(int64_t row, int64_t expert) const { return chosen.ints[row * numExperts() + expert] == 1; }
  int64_t numRows() const { return scores.numRows(); }
  int64_t numExperts() const { return scores.rowSize(); }
  void noteMargin(double margin, int64_t row) { frame.interpreter.getChoices().noteMargin(margin, op, row); }
  /// The candidates before `count` of a sorted list are taken, the others not: how close was it?
  template <typename ScoreOf>
  void noteMargin(ArrayRef<int64_t> sorted, int64_t count, ScoreOf scoreOf, std::optional<int64_t> row = {}) {
    if (count > 0 && count < int64_t(sorted.size()))
      noteMargin(gap(scoreOf(sorted[count - 1]), scoreOf(sorted[count])), row.value_or(sorted[count]));
  }

  Operation *op;
  const Tensor &scores;
  Frame &frame;
  Tensor chosen;
};
} // namespace

/// Runs `choose` on an empty choice, or takes the choice that was recorded.
template <typename OpT, typename Choose>
static LogicalResult chooseOrReplay(OpT op, Value scores, Frame &frame, Choose choose) {
  ChoiceLog &log = frame.interpreter.getChoices();
  FailureOr<const Tensor *> replayed = log.replayed(op);
  if (failed(replayed))
    return failure();
  if (*replayed) {
    frame.set(op->getResult(0), **replayed);
    return success();
  }
  Choice choice(op, frame.tensor(scores), frame);
  if (failed(choose(choice)))
    return failure();
  log.record(op, choice.chosen);
  frame.set(op->getResult(0), std::move(choice.chosen));
  return success();
}

FailureOr<bool> hasChosen(Operation *op, const Tensor &chosen, int64_t row, int64_t expert) {
  int64_t element = chosen.ints[row * chosen.rowSize() + expert];
  if (element == kDeadInt)
    return op->emitError() << "the choice of live row " << row << " comes from a dead row";
  return element != 0;
}

/// The experts in their order.
static std::vector<int64_t> allExperts(int64_t count) {
  std::vector<int64_t> experts(count);
  std::iota(experts.begin(), experts.end(), 0);
  return experts;
}

LogicalResult evaluate(ChooseExpertsOp op, Frame &frame) {
  return chooseOrReplay(op, op.getScores(), frame, [&](Choice &choice) -> LogicalResult {
    for (int64_t r = 0; r < choice.numRows(); ++r) {
      if (!frame.isLive(r, op.getScores()) || (op.getAllowed() && !frame.isLive(r, op.getAllowed())))
        continue;
      choice.start(r);
      std::vector<int64_t> experts = allExperts(choice.numExperts());
      if (op.getAllowed())
        llvm::erase_if(experts,
                       [&](int64_t e) { return frame.tensor(op.getAllowed()).ints[r * choice.numExperts() + e] == 0; });
      auto scoreOf = [&](int64_t e) { return choice.score(r, e); };
      sortByScore(experts, scoreOf);
      int64_t count = std::min<int64_t>(op.getK(), experts.size());
      for (int64_t i = 0; i < count; ++i)
        choice.take(r, experts[i]);
      choice.noteMargin(experts, count, scoreOf, r);
    }
    return success();
  });
}

LogicalResult evaluate(ChooseAboveOp op, Frame &frame) {
  double threshold = op.getThreshold().convertToDouble();
  return chooseOrReplay(op, op.getScores(), frame, [&](Choice &choice) -> LogicalResult {
    for (int64_t r = 0; r < choice.numRows(); ++r) {
      if (!frame.isLive(r, op.getScores()))
        continue;
      choice.start(r);
      for (int64_t e = 0; e < choice.numExperts(); ++e) {
        if (choice.score(r, e) > threshold)
          choice.take(r, e);
        if (!std::isnan(choice.score(r, e)))
          choice.noteMargin(std::fabs(choice.score(r, e) - threshold), r);
      }
    }
    return success();
  });
}

LogicalResult evaluate(ChooseTopPOp op, Frame &frame) {
  double p = op.getP().convertToDouble();
  return chooseOrReplay(op, op.getScores(), frame, [&](Choice &choice) -> LogicalResult {
    for (int64_t r = 0; r < choice.numRows(); ++r) {
      if (!frame.isLive(r, op.getScores()))
        continue;
      choice.start(r);
      std::vector<int64_t> experts = allExperts(choice.numExperts());
      auto scoreOf = [&](int64_t e) { return choice.score(r, e); };
      sortByScore(experts, scoreOf);
      double sum = 0, sumBefore = 0;
      int64_t count = 0;
      while (count < choice.numExperts() && (count == 0 || sum < p)) {
        double score = scoreOf(experts[count]);
        sumBefore = sum;
        sum += std::isnan(score) ? 0 : score;
        choice.take(r, experts[count++]);
      }
      choice.noteMargin(experts, count, scoreOf, r);
      if (count > 1)
        choice.noteMargin(p - sumBefore, r);
      if (count < choice.numExperts())
        choice.noteMargin(sum - p, r);
    }
    return success();
  });
}

/// ceil(capacity * n), where a product that is above an integer by rounding alone counts as that integer.
static int64_t capacityOf(const APFloat &capacity, int64_t numRows) {
  constexpr double slack = 0x1p-20;
  double product = capacity.convertToDouble() * numRows, whole = std::floor(product);
  return int64_t(whole) + (product - whole > slack);
}

/// The rows of a scope in the order of their index; rows must not come from dead ones.
static LogicalResult sortByIndex(Operation *op, std::vector<int64_t> &rows, Value index, Value scores, Frame &frame) {
  for (int64_t r : rows)
    for (Value operand : {index, scores})
      if (frame.tensor(operand).isDeadRow(r))
        return op->emitError() << (operand == index ? "the index" : "a score") << " of live row " << r
                               << " comes from a dead row";
  const std::vector<int64_t> &indices = frame.tensor(index).ints;
  llvm::sort(rows, [&](int64_t a, int64_t b) { return std::pair(indices[a], a) < std::pair(indices[b], b); });
  return success();
}

LogicalResult evaluate(ChooseTokensOp op, Frame &frame) {
  return chooseOrReplay(op, op.getScores(), frame, [&](Choice &choice) -> LogicalResult {
    for (std::vector<int64_t> rows : scopesOf(scopeOperands(op), choice.numRows(), frame)) {
      if (failed(sortByIndex(op, rows, op.getIndex(), op.getScores(), frame)))
        return failure();
      for (int64_t r : rows)
        choice.start(r);
      int64_t count = std::min<int64_t>(rows.size(), capacityOf(op.getCapacity(), rows.size()));
      for (int64_t e = 0; e < choice.numExperts(); ++e) {
        std::vector<int64_t> best = rows;
        auto scoreOf = [&](int64_t r) { return choice.score(r, e); };
        sortByScore(best, scoreOf);
        for (int64_t i = 0; i < count; ++i)
          choice.take(best[i], e);
        choice.noteMargin(best, count, scoreOf);
      }
    }
    return success();
  });
}

/// `position` and `priority`: each expert keeps the first of its rows, or the best.
static LogicalResult keepFirst(LimitCapacityOp op, ArrayRef<int64_t> rows, int64_t capacity, Choice &choice,
                               Frame &frame) {
  for (int64_t e = 0; e < choice.numExperts(); ++e) {
    std::vector<int64_t> claims;
    for (int64_t r : rows) {
      FailureOr<bool> claimed = hasChosen(op, frame.tensor(op.getChosen()), r, e);
      if (failed(claimed))
        return failure();
      if (*claimed)
        claims.push_back(r);
    }
    auto scoreOf = [&](int64_t r) { return choice.score(r, e); };
    if (op.getOverflow() == Overflow::priority) {
      sortByScore(claims, scoreOf);
      choice.noteMargin(claims, capacity, scoreOf);
    }
    for (int64_t i = 0; i < std::min<int64_t>(capacity, claims.size()); ++i)
      choice.take(claims[i], e);
  }
  return success();
}

/// `reroute`: row by row, an expert without room is replaced by the best other one that has room.
static LogicalResult reroute(LimitCapacityOp op, ArrayRef<int64_t> rows, int64_t capacity, Choice &choice,
                             Frame &frame) {
  std::vector<int64_t> room(choice.numExperts(), capacity);
  for (int64_t r : rows) {
    int64_t numTurnedAway = 0;
    std::vector<int64_t> others;
    for (int64_t e = 0; e < choice.numExperts(); ++e) {
      FailureOr<bool> claimed = hasChosen(op, frame.tensor(op.getChosen()), r, e);
      if (failed(claimed))
        return failure();
      if (*claimed && room[e] > 0) {
        choice.take(r, e);
        --room[e];
      } else if (*claimed) {
        ++numTurnedAway;
      } else if (room[e] > 0) {
        others.push_back(e);
      }
    }
    auto scoreOf = [&](int64_t e) { return choice.score(r, e); };
    sortByScore(others, scoreOf);
    int64_t count = std::min<int64_t>(numTurnedAway, others.size());
    for (int64_t i = 0; i < count; ++i) {
      choice.take(r, others[i]);
      --room[others[i]];
    }
    choice.noteMargin(others, count, scoreOf, r);
  }
  return success();
}

LogicalResult evaluate(LimitCapacityOp op, Frame &frame) {
  return chooseOrReplay(op, op.getScores(), frame, [&](Choice &choice) -> LogicalResult {
    for (std::vector<int64_t> rows : scopesOf(scopeOperands(op), choice.numRows(), frame)) {
      if (failed(sortByIndex(op, rows, op.getIndex(), op.getScores(), frame)))
        return failure();
      for (int64_t r : rows)
        choice.start(r);
      int64_t capacity = capacityOf(op.getCapacity(), rows.size());
      auto limit = op.getOverflow() == Overflow::reroute ? reroute : keepFirst;
      if (failed(limit(op, rows, capacity, choice, frame)))
        return failure();
    }
    return success();
  });
}

} // namespace mlir::motley::interp
