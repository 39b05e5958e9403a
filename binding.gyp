# The second build, with node-gyp, into build/. The facts come from scripts/native-config.cjs, which CMakeLists.txt reads too.
{
  "targets": [
    {
      "target_name": "torchbridge",
      "sources": ["<!@(node scripts/native-config.cjs --gyp sources)"],
      "defines": ["<!@(node scripts/native-config.cjs --gyp definitions)"],
      # Node's own settings turn off what libtorch's headers need, and ask for an older standard.
      "cflags!": ["-fno-exceptions", "-O3"],
      "cflags_cc!": ["-fno-exceptions", "-fno-rtti", "-std=gnu++17", "-std=gnu++20"],
      "cflags_cc": ["-std=c++20", "<!@(node scripts/native-config.cjs --gyp cflags)"],
      "ldflags": ["<!@(node scripts/native-config.cjs --gyp ldflags)"],
      "libraries": ["<!@(node scripts/native-config.cjs --gyp libraries)"],
    }
  ]
}
