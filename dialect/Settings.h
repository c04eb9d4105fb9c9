// What passes through the compiler as it is, from a module at level 1 to the manifest: no function is made of it.
#ifndef MOTLEY_DIALECT_SETTINGS_H
#define MOTLEY_DIALECT_SETTINGS_H

#include "mlir/IR/BuiltinOps.h"

namespace mlir::motley {

/// On a module: learning rate, schedule and the like, as a JSON object; the manifest carries it under "settings".
inline constexpr StringLiteral kSettingsAttrName = "motley.settings";
/// On a module: SHA-256 of what it computes, as text; the manifest carries it under "digest".
inline constexpr StringLiteral kDigestAttrName = "motley.digest";

/// Whether the attribute, one of these, is as it should be; reports where it isn't.
LogicalResult verifySettings(Operation *op, NamedAttribute attribute);

/// Writes kDigestAttrName on a module at level 1: a digest of its text without locations, settings of a run, and the
/// memory of its steps, which changes no number. Two modules of one digest train alike.
void recordDigest(ModuleOp module);

} // namespace mlir::motley

#endif // MOTLEY_DIALECT_SETTINGS_H
