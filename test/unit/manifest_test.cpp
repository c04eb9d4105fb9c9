#include "fake_module.h"
#include "runtime/manifest.h"
#include "support.h"

#include <nlohmann/json.hpp>

#include <functional>

using namespace motley::runtime;
using nlohmann::json;

static Result<Manifest> parseChanged(const std::function<void(json &)> &change) {
  json document = json::parse(fake::manifestText());
  change(document);
  return parseManifest(document.dump(), "model.so");
}

TEST(Manifest, ReadsEverything) {
  auto manifest = parseManifest(fake::manifestText(), "model.so");
  ASSERT_OK(manifest);
  EXPECT_EQ(manifest->rows, 24);
  EXPECT_EQ(manifest->vocabulary(), 16);
  EXPECT_EQ(manifest->losses, (std::vector<std::string>{"ce", "z"}));
  ASSERT_EQ(manifest->state.size(), 4u);
  EXPECT_EQ(manifest->state[1].members[1].panel, 2);
  EXPECT_TRUE(manifest->state[0].members[0].table);
  EXPECT_EQ(manifest->state[3].dtype, DType::BF16);
  int accumulate = manifest->findFunction("accumulate");
  ASSERT_GE(accumulate, 0);
  EXPECT_EQ(manifest->functions[accumulate].rows, 24);
  EXPECT_EQ(manifest->functions[accumulate].buffers[6].slot, "grad");
  EXPECT_EQ(manifest->functions[accumulate].scalars[1].dtype, DType::I1);
  EXPECT_EQ(manifest->kernels[0].scratchBytes, 64);
  EXPECT_DOUBLE_EQ(manifest->train.beta2, 0.95);
  EXPECT_EQ(manifest->findFunction("prefill"), -1);
}

// Removes, and then mistypes, every key of the manifest in turn: each must be refused by its own path.
TEST(Manifest, EveryKeyIsRequiredAndTyped) {
  json document = json::parse(fake::manifestText());
  int numKeys = 0;
  std::function<void(const json::json_pointer &, const std::string &)> visit = [&](const json::json_pointer &at,
                                                                                   const std::string &path) {
    const json &here = document[at];
    for (auto entry = here.begin(); here.is_object() && entry != here.end(); ++entry) {
      std::string child = path.empty() ? entry.key() : path + "." + entry.key();
      visit(at / entry.key(), child);
      json mistyped = document;
      mistyped[at / entry.key()] = json::object({{"not", "expected"}});
      auto refused = parseManifest(mistyped.dump(), "model.so");
      EXPECT_ERROR(refused, Corrupt, "model.so: manifest: key '" + child);
      // A module may have no optimiser; members of vectors have no panel; only tables say so.
      ++numKeys;
      if (child == "train" || entry.key() == "panel" || entry.key() == "table")
        continue;
      json missing = document;
      missing[at].erase(entry.key());
      EXPECT_ERROR(parseManifest(missing.dump(), "model.so"), Corrupt, "key '" + child + "' is missing");
    }
    for (size_t i = 0; here.is_array() && i < here.size(); ++i)
      visit(at / i, path + "[" + std::to_string(i) + "]");
  };
  visit(json::json_pointer(), "");
  EXPECT_GT(numKeys, 150);
}

TEST(Manifest, MalformedJsonNamesTheByte) {
  EXPECT_ERROR(parseManifest("{\"abi\": 1, }", "model.so"), Corrupt, "model.so: manifest: malformed JSON at byte 11");
  EXPECT_ERROR(parseManifest("", "model.so"), Corrupt, "malformed JSON at byte 0");
  EXPECT_ERROR(parseManifest("[]", "model.so"), Corrupt, "is of type array, expected an object");
}

TEST(Manifest, OtherAbi) {
  EXPECT_ERROR(parseChanged([](json &m) { m["abi"] = 3; }), Incompatible, "ABI version 3, this runtime has 2");
}

TEST(Manifest, InconsistentContents) {
  auto expect = [](const std::function<void(json &)> &change, const char *part, Code code = Code::Corrupt) {
    auto refused = parseChanged(change);
    ASSERT_FALSE(refused.isOk()) << part;
    EXPECT_EQ(refused.status().code(), code);
    EXPECT_NE(refused.status().text().find(part), std::string::npos) << refused.status().text();
  };
  expect([](json &m) { m["modalities"][1]["begin"] = 9; }, "overlaps the ids of modality 'text'");
  expect([](json &m) { m["modalities"][1]["end"] = 5; }, "[10, 5)");
  expect([](json &m) { m["modalities"] = json::array(); }, "is empty");
  expect([](json &m) { m["rows"] = -1; }, "is -1, expected at least 0");
  expect([](json &m) { m["rows"] = 1e3; }, "is of type number, expected integer");
  expect([](json &m) { m["rows"] = 18446744073709551615u; }, "does not fit 64 bits");
  expect([](json &m) { m["state"][0]["dtype"] = "f31"; }, "is 'f31'");
  expect([](json &m) { m["state"][0]["dtype"] = "i32"; }, "has dtype i32, expected f32 or bf16");
  expect([](json &m) { m["state"][0]["shape"] = {-1, 16}; }, "is [-1, 16], which is negative or too large");
  expect([](json &m) { m["state"][0]["shape"] = {int64_t(1) << 40, int64_t(1) << 40}; }, "too large");
  expect([](json &m) { m["state"][1]["shape"] = {2, 3, 5, 16}; }, "expected [M, D], [V, D] or [M, P, K, 32]");
  expect([](json &m) { m["state"][1]["slots"] = {"m", "m"}; }, "names a slot twice");
  expect([](json &m) { m["state"][2]["bank"] = "bank.w"; }, "repeats the bank 'bank.w'");
  expect([](json &m) { m["state"][2]["members"][0]["variable"] = "w.wide"; }, "repeats the variable 'w.wide'");
  expect([](json &m) { m["state"][1]["members"][1]["panel"] = 1; }, "'w.wide' and 'w.short' the same place");
  expect([](json &m) { m["state"][2]["members"][1]["member"] = 0; }, "'norm.a' and 'norm.b' the same place");
  expect([](json &m) { m["state"][1]["members"][1]["panel"] = 3; }, "from panel 3, which does not fit");
  expect([](json &m) { m["state"][1]["members"][1]["panel"] = -1; }, "from panel -1, which does not fit");
  expect([](json &m) { m["state"][1]["members"][1]["member"] = 2; }, "is member 2 of a bank of shape [2, 3, 5, 32]");
  expect([](json &m) { m["state"][1]["members"][0]["shape"] = {6, 40}; }, "which does not fit");
  expect([](json &m) { m["state"][2]["members"][0]["shape"] = {8}; }, "expected a vector of at most 7");
  expect([](json &m) { m["state"][0]["members"][0]["shape"] = {16, 15}; }, "a table fills its bank");
  expect([](json &m) { m["functions"][1]["name"] = "init"; }, "repeats the function 'init'");
  expect([](json &m) { m["functions"][0]["buffers"][0]["bank"] = "bank.x"; }, "names the bank 'bank.x'");
  expect([](json &m) { m["functions"][0]["buffers"][0]["slot"] = "w"; }, "names the slot 'w'");
  expect([](json &m) { m["functions"][0]["buffers"][0]["kind"] = "heap"; }, "has kind 'heap'");
  expect([](json &m) { m["functions"][1]["buffers"][1]["field"] = "colour"; }, "names the field 'colour'",
         Code::Incompatible);
  expect([](json &m) { m["functions"][1]["buffers"][1]["dtype"] = "f32"; }, "declares field 'token' as f32[24]");
  expect([](json &m) { m["functions"][1]["buffers"][2]["shape"] = {25}; }, "has 25 rows, but an earlier field has 24");
  expect([](json &m) { m["functions"][1]["buffers"][5]["dtype"] = "bf16"; }, "has dtype bf16");
  expect([](json &m) { m["functions"][1]["scalars"][0]["dtype"] = "i8"; }, "has dtype i8");
  expect([](json &m) { m["functions"][1]["arena_bytes"] = -64; }, "is -64");
}

TEST(Manifest, PhasesOfARun) {
  auto plain = parseChanged([](json &) {});
  ASSERT_TRUE(plain.isOk());
  ASSERT_EQ(plain->phases.size(), 1u); // a module that says nothing has one phase that does not end
  EXPECT_EQ(plain->phases[0].accumulate, "accumulate");
  EXPECT_EQ(plain->phaseOf(1000), 0u);

  json first = {{"until", 10}, {"rate", 1.0}, {"eval", "eval"}, {"accumulate", "accumulate"}, {"update", "update"}};
  json last = {{"rate", 0.5}, {"eval", "eval.1"}, {"accumulate", "accumulate.1"}, {"update", "update.1"}};
  auto two = parseChanged([&](json &m) { m["phases"] = {first, last}; });
  ASSERT_TRUE(two.isOk()) << two.status().text();
  EXPECT_EQ(two->phaseOf(1), 0u);
  EXPECT_EQ(two->phaseOf(10), 0u);
  EXPECT_EQ(two->phaseOf(11), 1u);
  EXPECT_EQ(two->phases[1].rate, 0.5);
  EXPECT_EQ(two->phases[1].eval, "eval.1");

  auto expect = [](Result<Manifest> refused, const char *part) {
    ASSERT_FALSE(refused.isOk()) << part;
    EXPECT_NE(refused.status().text().find(part), std::string::npos) << refused.status().text();
  };
  expect(parseChanged([&](json &m) { m["phases"] = {first, first}; }), "lasts until step 10, but the phase before it");
  expect(parseChanged([&](json &m) { m["phases"] = {last, first}; }), "the phase before it until step 0");
  expect(parseChanged([&](json &m) { m["phases"] = json::array(); }), "expected at least one phase");
}
