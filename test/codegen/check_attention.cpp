// Checks attention and its adjoints against loops over all pairs, in double.
//
// Tolerances are c * eps * (1 + S) times the sum of the magnitudes that went in, S being the largest sum of |q k| scale
// over a row's keys: a rounding of a score is relative to S and enters every weight. c = 8: scores are sums over the
// head's columns (the error of a sum of n products in order is about sqrt(n) eps in practice, and S counts them all),
// the exponential, the running correction and the division have a rounding or two each.
#include "KernelText.h"

using namespace kernelcheck;

namespace {

struct Case {
  std::string mask;
  bool hasOrder;
  int64_t heads, keyHeads, width;
  std::vector<int64_t> documents;
  int64_t rowTile;
};
const Case cases[] = {
    {"causal", false, 2, 2, 32, {20, 0, 70, 1}, 64}, {"causal", true, 4, 2, 24, {130, 5, 64, 65}, 64},
    {"causal", true, 3, 1, 64, {200}, 100},          {"causal", false, 1, 1, 128, {70, 33}, 32},
    {"span", true, 2, 1, 64, {150, 40, 0, 66}, 64},  {"span", false, 2, 2, 16, {90, 10}, 24},
    {"full", false, 2, 1, 40, {64, 129, 3}, 64},     {"causal", true, 2, 1, 6, {0, 0}, 64},
};

/// A microbatch: documents in random places of the rows, orders with ties, spans of a few rows.
struct Problem {
  Problem(Check &check, const Case &c)
      : c(c), live(std::accumulate(c.documents.begin(), c.documents.end(), int64_t(0))), R(live + 9),
        groups(Groups::ofSizes(c.documents, R)), tiles(groups, c.rowTile), order(R), span(R), slotOf(R, -1),
        q(check.uniforms(R * c.heads * c.width)), k(check.uniforms(R * c.keyHeads * c.width)),
        v(check.uniforms(R * c.keyHeads * c.width)), dy(check.uniforms(R * c.heads * c.width)) {
    std::vector<int32_t> places(live);
    std::iota(places.begin(), places.end(), 0);
    std::shuffle(places.begin(), places.end(), check.random);
    int32_t nextOrder = 0, spanId = -1, left = 0, numSpans = 0;
    for (int64_t s = 0; s < live; ++s) {
      int64_t r = groups.row[s] = places[s];
      slotOf[r] = s;
      bool isFirst = s == groups.offset[groups.groupOf(s)];
      if (isFirst)
        nextOrder = -3, left = 0;
      if (left-- <= 0) {
        bool inSpan = check.random() % 3 != 0;
        spanId = inSpan ? numSpans++ : -1;
        left = check.random() % 90;
      }
      order[r] = nextOrder += check.random() % 3 != 0; // ascending, with ties
      span[r] = spanId;
    }
    for (const Buffer<float> *x : {&q, &k, &v, &dy})
      killRows(*x, live, x->size() / R);
  }

  bool admits(int64_t query, int64_t key) const {
    if (c.mask == "full")
      return true;
    bool causal = c.hasOrder ? order[key] <= order[query] : slotOf[key] <= slotOf[query];
    return causal || (c.mask == "span" && span[query] >= 0 && span[query] == span[key]);
  }
  int64_t units(int64_t heads) const { return tiles.count * heads; }
  double scale() const { return 1 / std::sqrt(double(c.width)); }
  std::string ints(int64_t size) const { return memref({size}, "i32"); }
  std::string queries() const { return memref({R, c.heads * c.width}); }
  std::string keys() const { return memref({R, c.keyHeads * c.width}); }
  std::string numbers() const { return memref({R, c.heads}); }

  /// The kernel with operands `before`, the table and the mask's fields, then `after`.
  void run(Check &check, const std::string &family, std::vector<std::string> types, std::vector<Operand> operands,
           const std::vector<std::string> &resultTypes, const std::vector<Operand> &results, int64_t heads) const {
    bool bySpan = c.mask == "span";
    types.insert(types.end(), {ints(R), ints(groups.offset.size()), tiles.type()});
    operands.insert(operands.end(), {groups.row, groups.offset, tiles.list});
    if (c.hasOrder) {
      types.push_back(ints(R));
      operands.push_back(order);
    }
    if (bySpan) {
      types.push_back(ints(R));
      operands.push_back(span);
    }
    types.insert(types.end(), resultTypes.begin(), resultTypes.end());
    operands.insert(operands.end(), results.begin(), results.end());
    check.run(kernelText(family + "<" + c.mask + ", heads = " + std::to_string(c.heads) +
                             ", kv_heads = " + std::to_string(c.keyHeads) + ", scale = " + number(scale()) +
                             ", has_order = " + (c.hasOrder ? "true" : "false") +
                             ", has_span = " + (bySpan ? "true" : "false") + ">",
                         types),
              operands, units(heads), 3);
  }
  void runForward(Check &check, const Buffer<float> &y, const Buffer<float> &lse) const {
    run(check, "attention", {queries(), keys(), keys()}, {q, k, v}, {queries(), numbers()}, {y, lse}, c.heads);
  }

  const Case &c;
  int64_t live, R;
  Groups groups;
  Tiles tiles;
  Buffer<int32_t> order, span;
  std::vector<int64_t> slotOf;
  Buffer<float> q, k, v, dy;
};

/// One query row of one head in double: weights of the keys of its document.
struct Row {
  Row(const Problem &p, int64_t slot, int64_t head)
      : r(p.groups.row[slot]), width(p.c.width), q(&p.q[(r * p.c.heads + head) * width]),
        dy(&p.dy[(r * p.c.heads + head) * width]) {
    int64_t group = p.groups.groupOf(slot), keyHead = head / (p.c.heads / p.c.keyHeads);
    double sum = 0;
    for (int64_t s = p.groups.offset[group]; s < p.groups.offset[group + 1]; ++s) {
      int64_t key = p.groups.row[s];
      if (!p.admits(r, key))
        continue;
      const float *k = &p.k[(key * p.c.keyHeads + keyHead) * width], *v = &p.v[(key * p.c.keyHeads + keyHead) * width];
      double score = 0, size = 0;
      for (int64_t d = 0; d < width; ++d) {
        score += double(q[d]) * k[d] * p.scale();
        size += std::fabs(double(q[d]) * k[d]) * p.scale();
      }
      largestScore = std::max(largestScore, size);
      keys.push_back(key);
      keyRows.push_back(k);
      valueRows.push_back(v);
      weights.push_back(std::exp(score));
      sum += weights.back();
    }
    for (double &w : weights)
      w /= sum;
    logSumExp = std::log(sum);
  }
  double dyDot(const float *v) const {
    double sum = 0;
    for (int64_t d = 0; d < width; ++d)
      sum += double(dy[d]) * v[d];
    return sum;
  }
  double delta() const {
    double sum = 0;
    for (size_t i = 0; i < keys.size(); ++i)
      sum += weights[i] * dyDot(valueRows[i]);
    return sum;
  }
  double error() const { return 8 * kEpsilon * (1 + largestScore); }

  int64_t r, width;
  const float *q, *dy;
  std::vector<int64_t> keys;
  std::vector<const float *> keyRows, valueRows;
  std::vector<double> weights;
  double logSumExp, largestScore = 0;
};

} // namespace

KERNEL_CHECK(attention_forward) {
  for (const Case &c : cases) {
    Problem p(check, c);
    Buffer<float> y(p.R * c.heads * c.width), lse(p.R * c.heads);
    p.runForward(check, y, lse);
    for (int64_t s = 0; s < p.live; ++s)
      for (int64_t h = 0; h < c.heads; ++h) {
        Row row(p, s, h);
        check.expectNear(lse[row.r * c.heads + h], row.logSumExp, row.error(), c.mask + " log_sum_exp");
        for (int64_t d = 0; d < c.width; ++d) {
          double want = 0, magnitude = 0;
          for (size_t i = 0; i < row.keys.size(); ++i) {
            want += row.weights[i] * row.valueRows[i][d];
            magnitude += row.weights[i] * std::fabs(row.valueRows[i][d]);
          }
          check.expectNear(y[(row.r * c.heads + h) * c.width + d], want, row.error() * magnitude, c.mask + " y");
        }
      }
    check.expect(std::isnan(y[p.live * c.heads * c.width]), "a dead row was written");
  }
}

KERNEL_CHECK(attention_does_not_depend_on_tiles) {
  for (const char *mask : {"causal", "span"}) {
    Case coarse = {mask, true, 2, 1, 64, {150, 31, 80}, 64}, fine = coarse;
    fine.rowTile = 13;
    Check same("", check.level()), again("", check.level()); // one random state, one microbatch
    Problem a(same, coarse), b(again, fine);
    Buffer<float> y(a.q.size()), lse(a.R * 2), otherY(a.q.size()), otherLse(a.R * 2);
    a.runForward(check, y, lse);
    b.runForward(check, otherY, otherLse);
    for (int64_t i = 0; i < a.live * 128; ++i)
      check.expect(y[i] == otherY[i], "y differs at element " + std::to_string(i));
    for (int64_t i = 0; i < a.live * 2; ++i)
      check.expect(lse[i] == otherLse[i], "log_sum_exp differs at element " + std::to_string(i));
  }
}

KERNEL_CHECK(attention_delta_sums_heads) {
  const int64_t R = 40;
  for (int64_t width : {6, 24, 64, 128}) {
    int64_t heads = 3, D = heads * width;
    Buffer<float> dy = check.uniforms(R * D), y = check.uniforms(R * D), delta(R * heads);
    check.run(kernelText("attention_delta<heads = 3>", {memref({R, D}), memref({R, D}), memref({R, heads})}),
              {dy, y, delta}, 2, 1);
    for (int64_t i = 0; i < R * heads; ++i) {
      double want = 0, magnitude = 0;
      for (int64_t d = 0; d < width; ++d) {
        want += double(dy[i * width + d]) * y[i * width + d];
        magnitude += std::fabs(double(dy[i * width + d]) * y[i * width + d]);
      }
      check.expectNear(delta[i], want, 8 * kEpsilon * magnitude, "delta");
    }
  }
}

KERNEL_CHECK(attention_backward) {
  for (const Case &c : cases) {
    Problem p(check, c);
    int64_t queryWidth = c.heads * c.width, keyWidth = c.keyHeads * c.width;
    Buffer<float> lse(p.R * c.heads), delta(p.R * c.heads), dq(p.R * queryWidth), dk(p.R * keyWidth),
        dv(p.R * keyWidth);
    std::vector<double> wantK(p.R * keyWidth), wantV(p.R * keyWidth), sizeK(p.R * keyWidth), sizeV(p.R * keyWidth);
    std::vector<double> wantQ(p.R * queryWidth), sizeQ(p.R * queryWidth);
    for (int64_t s = 0; s < p.live; ++s)
      for (int64_t h = 0; h < c.heads; ++h) {
        Row row(p, s, h);
        double d = row.delta(), error = row.error();
        lse[row.r * c.heads + h] = row.logSumExp;
        delta[row.r * c.heads + h] = d;
        for (size_t i = 0; i < row.keys.size(); ++i) {
          double product = row.dyDot(row.valueRows[i]), slope = row.weights[i] * (product - d) * p.scale();
          double size = 0; // of product and d
          for (int64_t j = 0; j < c.width; ++j)
            size += std::fabs(double(row.dy[j]) * row.valueRows[i][j]);
          size = row.weights[i] * (size + std::fabs(d)) * p.scale();
          for (int64_t j = 0; j < c.width; ++j) {
            int64_t atQ = (row.r * c.heads + h) * c.width + j;
            int64_t atK = (row.keys[i] * c.keyHeads + h / (c.heads / c.keyHeads)) * c.width + j;
            wantQ[atQ] += slope * row.keyRows[i][j];
            sizeQ[atQ] += error * size * std::fabs(row.keyRows[i][j]);
            wantK[atK] += slope * row.q[j];
            sizeK[atK] += error * size * std::fabs(row.q[j]);
            wantV[atK] += row.weights[i] * row.dy[j];
            sizeV[atK] += error * row.weights[i] * std::fabs(row.dy[j]);
          }
        }
      }
    std::vector<std::string> types = {p.queries(), p.queries(), p.keys(), p.keys(), p.numbers(), p.numbers()};
    std::vector<Operand> operands = {p.dy, p.q, p.k, p.v, lse, delta};
    p.run(check, "attention_query", types, operands, {p.queries()}, {dq}, c.heads);
    p.run(check, "attention_key", types, operands, {p.keys(), p.keys()}, {dk, dv}, c.keyHeads);
    for (int64_t i = 0; i < p.live * queryWidth; ++i)
      check.expectNear(dq[i], wantQ[i], sizeQ[i], c.mask + " dq");
    for (int64_t i = 0; i < p.live * keyWidth; ++i) {
      check.expectNear(dk[i], wantK[i], sizeK[i], c.mask + " dk");
      check.expectNear(dv[i], wantV[i], sizeV[i], c.mask + " dv");
    }
    check.expect(std::isnan(dq[p.live * queryWidth]) && std::isnan(dk[p.live * keyWidth]), "a dead row was written");
  }
}
