// Which values to compute again: greedy over a potential, the bytes over the budget summed over the operations. What
// lowers it most for its cost comes first: large values that are read early in the forward and late in the backward.
// Where nothing is left that lowers it, a choice is taken back that has become a hindrance: to compute a value again
// may need others early.
#include "passes/Recomputation.h"
#include <queue>

using namespace mlir;
using namespace mlir::motley;

namespace {

class Search {
public:
  using Plan = RecomputeModel::Plan;
  using Outcome = RecomputeModel::Outcome;

  Search(const RecomputeModel &model, int64_t budget)
      : model(model), budget(budget), plan(model.getItems().size(), false), outcome(model.evaluate(plan)),
        excess(outcome.excess(budget)) {}

  void run() {
    while (excess > 0 && (addBest() || removeOne()))
      ;
  }

  /// Takes back what the budget `limit` does not need, the costliest first.
  void prune(int64_t limit) {
    SmallVector<int> chosen;
    for (int item : model.getCandidates())
      if (plan[item])
        chosen.push_back(item);
    llvm::sort(chosen, [&](int a, int b) {
      return model.getCost(a) != model.getCost(b) ? model.getCost(a) > model.getCost(b) : a < b;
    });
    for (int item : chosen) {
      Outcome without = flipped(item);
      if (without.peak <= limit)
        accept(item, std::move(without));
    }
  }

  const Plan &getPlan() const { return plan; }
  const Outcome &getOutcome() const { return outcome; }

private:
  Outcome flipped(int item) {
    plan[item] = !plan[item];
    Outcome found = model.evaluate(plan);
    plan[item] = !plan[item];
    return found;
  }
  void accept(int item, Outcome found) {
    plan[item] = !plan[item];
    outcome = std::move(found);
    excess = outcome.excess(budget);
  }
  double scoreOf(const Outcome &found) const {
    int64_t gain = excess - found.excess(budget), cost = std::max<int64_t>(1, found.cost - outcome.cost);
    return static_cast<double>(gain) / static_cast<double>(cost);
  }

  /// Adds items by their scores, which are looked at again only when they come up. Whether any was added.
  bool addBest() {
    using Entry = std::pair<double, int>; // the later item first among equals
    std::priority_queue<Entry> queue;
    for (int item : model.getCandidates())
      if (!plan[item])
        if (double score = scoreOf(flipped(item)); score > 0)
          queue.emplace(score, item);
    bool changed = false;
    while (!queue.empty() && excess > 0) {
      int item = queue.top().second;
      queue.pop();
      Outcome found = flipped(item);
      double score = scoreOf(found);
      if (score <= 0)
        continue;
      if (!queue.empty() && score < queue.top().first) {
        queue.emplace(score, item);
        continue;
      }
      accept(item, std::move(found));
      changed = true;
    }
    return changed;
  }

  /// Takes back the choice that lowers the excess most by going. Whether there was one.
  bool removeOne() {
    int best = -1;
    int64_t least = excess;
    for (int item : model.getCandidates())
      if (plan[item])
        if (int64_t found = flipped(item).excess(budget); found < least) {
          least = found;
          best = item;
        }
    if (best >= 0)
      accept(best, flipped(best));
    return best >= 0;
  }

  const RecomputeModel &model;
  int64_t budget;
  Plan plan;
  Outcome outcome;
  int64_t excess;
};

} // namespace

RecomputeModel::Plan mlir::motley::searchPlan(const RecomputeModel &model, int64_t budget) {
  RecomputeModel::Plan best(model.getItems().size(), false);
  int64_t lowest = model.evaluate(best).peak;
  // True where the budget is met; whether it came lower is in `lowest`.
  auto aimAt = [&](int64_t aim) {
    Search search(model, aim);
    search.run();
    bool isMet = search.getOutcome().peak <= budget;
    if (isMet)
      search.prune(budget);
    if (isMet || search.getOutcome().peak < lowest) {
      lowest = search.getOutcome().peak;
      best = search.getPlan();
    }
    return isMet;
  };
  // A lower aim leads past choices that help at first and hinder later.
  for (int64_t aim : {budget, budget / 4 * 3, budget / 2, lowest / 4, int64_t(0)})
    if (aimAt(aim))
      return best;
  for (int64_t before = 0; lowest != before;) {
    before = lowest;
    for (int64_t sixteenth : {15, 14, 12})
      if (aimAt(before / 16 * sixteenth))
        return best;
  }
  return best;
}
