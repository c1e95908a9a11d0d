// The package for `import`: the same modules that `require` gives, so that there is one of each.
export * from "./dist/index.js";
