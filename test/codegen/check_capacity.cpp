// Checks expert choice and capacity against sorted lists: exact.
#include "Scores.h"

using namespace kernelcheck;

namespace {

constexpr int64_t R = 300, D = 7;
constexpr int32_t kUntouched = 0x7f7f7f7f;
const std::vector<int64_t> map = {0, -1, 2, 3}; // rows of the second group are left alone

std::string ints(std::initializer_list<int64_t> shape) { return memref(shape, "i32"); }

/// Which rows compete: all, or those of each document.
struct Case {
  Case(Check &check, const std::vector<int64_t> &sizes, bool hasDocuments, int64_t numExperts)
      : groups(Groups::ofSizes(sizes, R)), documents(Groups::random(check, D, groups.live(), R)),
        hasDocuments(hasDocuments), numExperts(numExperts), index(R) {
    // Indices that agree with the order of rows in nothing, some negative, some neighbours, some far apart.
    std::vector<int32_t> numbers(R);
    for (int64_t r = 0; r < R; ++r)
      numbers[r] = r < 10 ? -1000 * r - 1 : r % 2 ? r * 7001 : r;
    std::shuffle(numbers.begin(), numbers.end(), check.random);
    std::copy(numbers.begin(), numbers.end(), index.begin());
    scopes.resize(hasDocuments ? D : 1);
    for (int64_t d = 0; d < (hasDocuments ? D : 1); ++d)
      for (int64_t s = hasDocuments ? documents.offset[d] : 0,
                   end = hasDocuments ? documents.offset[d + 1] : groups.live();
           s < end; ++s) {
        int64_t r = hasDocuments ? documents.row[s] : s;
        if (map[groups.groupOf(r)] >= 0)
          scopes[d].push_back(r);
      }
  }
  std::vector<std::string> tableTypes() const {
    std::vector<std::string> types = {ints({5})};
    if (hasDocuments)
      types.insert(types.end(), {ints({R}), ints({D + 1})});
    return types;
  }
  std::vector<Operand> tables() const {
    std::vector<Operand> operands = {groups.offset};
    if (hasDocuments)
      operands.insert(operands.end(), {documents.row, documents.offset});
    return operands;
  }
  std::string suffix() const {
    return std::string("has_documents = ") + (hasDocuments ? "true" : "false") + ", map = " + list(map) + ">";
  }
  int64_t numScopes() const { return scopes.size(); }

  Groups groups, documents;
  bool hasDocuments;
  int64_t numExperts;
  Buffer<int32_t> index;
  std::vector<std::vector<int64_t>> scopes; ///< rows of each
};

/// The least whole number that is at least share * n - 2^-20.
int64_t room(double share, size_t n) {
  int64_t most = 0;
  while (most < share * n - 0x1p-20)
    ++most;
  return most;
}

void forEachCase(Check &check, const std::function<void(const Case &, Scores, double)> &body) {
  for (const std::vector<int64_t> &sizes :
       {std::vector<int64_t>{100, 40, 0, 150}, {0, 0, 0, 0}, {0, 5, 0, 0}, {1, 0, 0, 0}, {0, 0, 256, 40}})
    for (bool hasDocuments : {false, true})
      for (int64_t E : {1, 5})
        for (double capacity : {0.25, 1.0, 1.0 / 3, 1e-9})
          for (Scores kind : kAllScores)
            body(Case(check, sizes, hasDocuments, E), kind, capacity);
}

template <typename T> std::vector<T> joined(std::vector<T> a, const std::vector<T> &b, const T &c) {
  a.insert(a.end(), b.begin(), b.end());
  a.push_back(c);
  return a;
}

} // namespace

KERNEL_CHECK(choose_tokens_takes_the_best_rows) {
  forEachCase(check, [&](const Case &rows, Scores kind, double capacity) {
    int64_t E = rows.numExperts;
    Buffer<float> scores = makeScores(check, R * E, kind);
    Buffer<int32_t> chosen(R * E), want(R * E, [](size_t) { return kUntouched; });
    for (std::vector<int64_t> scope : rows.scopes)
      for (int64_t e = 0; e < E; ++e) {
        std::sort(scope.begin(), scope.end(), [&](int64_t a, int64_t b) {
          return comesBefore(scores[a * E + e], rows.index[a], scores[b * E + e], rows.index[b]);
        });
        for (size_t i = 0; i < scope.size(); ++i)
          want[scope[i] * E + e] = int64_t(i) < room(capacity, scope.size());
      }
    check.run(kernelText("choose_tokens<" + number(capacity) + ", " + rows.suffix(),
                         joined({memref({R, E}), ints({R})}, rows.tableTypes(), ints({R, E}))),
              joined<Operand>({scores, rows.index}, rows.tables(), chosen), rows.numScopes() * E, 3);
    check.expectSameBits(chosen, want, "capacity " + std::to_string(capacity));
  });
}

/// Rows of one index and one score cannot be told apart; there are no more of them than there is room for.
KERNEL_CHECK(choose_tokens_keeps_to_its_number) {
  Groups groups = Groups::ofSizes({R}, R);
  Buffer<float> scores = makeScores(check, R, Scores::same);
  Buffer<int32_t> index(R, [](size_t) { return 3; }), chosen(R);
  check.run(kernelText("choose_tokens<" + number(0.25) + ", has_documents = false, map = [0]>",
                       {memref({R, 1}), ints({R}), ints({2}), ints({R, 1})}),
            {scores, index, groups.offset, chosen}, 1);
  check.expect(std::accumulate(chosen.begin(), chosen.end(), 0) == R / 4, "another number of rows");
}

/// 0.15 * 20 is above 3 in f64, by less than what counts.
KERNEL_CHECK(choose_tokens_rounds_products_down_to_integers) {
  for (auto [capacity, n, want] : {std::tuple<double, int64_t, int>{0.15, 20, 3},
                                   {0.1, 30, 3},
                                   {0.7, 10, 7},
                                   {0.55, 100, 55},
                                   {0.550001, 100, 56}}) {
    Groups groups = Groups::ofSizes({n}, R);
    Buffer<float> scores = makeScores(check, R, Scores::smooth);
    Buffer<int32_t> index(R, [](size_t i) { return int32_t(i); }), chosen(R);
    check.run(kernelText("choose_tokens<" + number(capacity) + ", has_documents = false, map = [0]>",
                         {memref({R, 1}), ints({R}), ints({2}), ints({R, 1})}),
              {scores, index, groups.offset, chosen}, 1);
    check.expect(std::accumulate(chosen.begin(), chosen.begin() + n, 0) == want,
                 "capacity " + std::to_string(capacity) + " of " + std::to_string(n));
  }
}

static void checkLimit(Check &check, const std::string &policy,
                       const std::function<void(const Case &, const std::vector<int64_t> &scope, int64_t most,
                                                const Buffer<int32_t> &chosen, const Buffer<float> &scores,
                                                const Buffer<int32_t> &want)> &oracle) {
  forEachCase(check, [&](const Case &rows, Scores kind, double capacity) {
    int64_t E = rows.numExperts;
    Buffer<float> scores = makeScores(check, R * E, kind);
    // The first expert is the choice of every row, the last of none.
    Buffer<int32_t> chosen(R * E, [&](size_t i) {
      return i % E == 0 ? 1 : int64_t(i % E) == E - 1 ? 0 : int32_t(check.random() % 2) * 3;
    });
    Buffer<int32_t> result(R * E), want(R * E, [](size_t) { return kUntouched; });
    for (const std::vector<int64_t> &scope : rows.scopes)
      oracle(rows, scope, room(capacity, scope.size()), chosen, scores, want);
    check.run(kernelText("limit_capacity<" + policy + ", " + number(capacity) + ", " + rows.suffix(),
                         joined({ints({R, E}), memref({R, E}), ints({R})}, rows.tableTypes(), ints({R, E}))),
              joined<Operand>({chosen, scores, rows.index}, rows.tables(), result), rows.numScopes(), 3);
    check.expectSameBits(result, want, policy + ", capacity " + std::to_string(capacity));
  });
}

/// Keeps the first rows in an order that `precedes` gives for an expert.
static void
checkDrop(Check &check, const std::string &policy,
          const std::function<bool(const Case &, const Buffer<float> &, int64_t e, int64_t, int64_t)> &precedes) {
  checkLimit(check, policy,
             [&](const Case &rows, std::vector<int64_t> scope, int64_t most, const Buffer<int32_t> &chosen,
                 const Buffer<float> &scores, const Buffer<int32_t> &want) {
               int64_t E = rows.numExperts;
               for (int64_t e = 0; e < E; ++e) {
                 std::sort(scope.begin(), scope.end(),
                           [&](int64_t a, int64_t b) { return precedes(rows, scores, e, a, b); });
                 int64_t left = most;
                 for (int64_t r : scope)
                   want[r * E + e] = chosen[r * E + e] != 0 && left-- > 0;
               }
             });
}

KERNEL_CHECK(limit_capacity_by_position) {
  checkDrop(check, "position", [](const Case &rows, const Buffer<float> &, int64_t, int64_t a, int64_t b) {
    return rows.index[a] < rows.index[b];
  });
}

KERNEL_CHECK(limit_capacity_by_priority) {
  checkDrop(check, "priority", [](const Case &rows, const Buffer<float> &scores, int64_t e, int64_t a, int64_t b) {
    int64_t E = rows.numExperts;
    return comesBefore(scores[a * E + e], rows.index[a], scores[b * E + e], rows.index[b]);
  });
}

KERNEL_CHECK(limit_capacity_reroutes) {
  checkLimit(check, "reroute",
             [](const Case &rows, std::vector<int64_t> scope, int64_t most, const Buffer<int32_t> &chosen,
                const Buffer<float> &scores, const Buffer<int32_t> &want) {
               int64_t E = rows.numExperts;
               std::sort(scope.begin(), scope.end(),
                         [&](int64_t a, int64_t b) { return rows.index[a] < rows.index[b]; });
               std::vector<int64_t> taken(E, 0);
               for (int64_t r : scope) {
                 int64_t homeless = 0;
                 for (int64_t e = 0; e < E; ++e) {
                   bool wanted = chosen[r * E + e] != 0, fits = taken[e] < most;
                   want[r * E + e] = wanted && fits;
                   taken[e] += wanted && fits;
                   homeless += wanted && !fits;
                 }
                 for (; homeless > 0; --homeless) {
                   int64_t best = -1;
                   for (int64_t e = 0; e < E; ++e)
                     if (!chosen[r * E + e] && !want[r * E + e] && taken[e] < most &&
                         (best < 0 || comesBefore(scores[r * E + e], e, scores[r * E + best], best)))
                       best = e;
                   if (best < 0)
                     break;
                   want[r * E + best] = 1;
                   ++taken[best];
                 }
               }
             });
}
