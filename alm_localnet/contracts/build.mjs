// Compiles the contracts beside this file with the locked solc and extracts the runtime code of Permit2 and Multicall3
// from their npm packages. Output folder is the first argument. Needs the devDependencies of ../package.json.
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const out = process.argv[2];
const modules = process.argv[3];
const require = createRequire(join(modules, "..", "package.json"));
const solc = require("solc");

const version = (name) => JSON.parse(readFileSync(join(modules, name, "package.json"), "utf8")).version;
const write = (name, artifact) => writeFileSync(join(out, `${name}.json`), `${JSON.stringify(artifact)}\n`);

const files = readdirSync(here).filter((file) => file.endsWith(".sol")).sort();
const settings = {
  optimizer: { enabled: true, runs: 200 },
  evmVersion: "shanghai",
  metadata: { appendCBOR: false },
  outputSelection: { "*": { "*": ["abi", "evm.bytecode.object"] } },
};
const sources = Object.fromEntries(files.map((file) => [file, { content: readFileSync(join(here, file), "utf8") }]));
const compiled = JSON.parse(solc.compile(JSON.stringify({ language: "Solidity", sources, settings })));
const errors = (compiled.errors ?? []).filter((entry) => entry.severity === "error");
if (errors.length) {
  console.error(errors.map((entry) => entry.formattedMessage).join("\n"));
  process.exit(1);
}
for (const file of files) {
  const name = file.replace(/\.sol$/, "");
  const contract = compiled.contracts[file][name];
  if (!contract?.evm.bytecode.object || !contract.abi.length) continue; // only inherited from or inlined
  write(name, {
    contract: name,
    from: `contracts/${file}`,
    compiler: `solc ${version("solc")}, evm ${settings.evmVersion}, optimizer 200`,
    abi: contract.abi,
    bytecode: `0x${contract.evm.bytecode.object}`,
  });
}

const artifact = (name, file) => JSON.parse(readFileSync(join(modules, name, file), "utf8"));
// Creation code of permissively licensed contracts, so that their large packages are needed for building only.
const extracted = [
  // [contract, package, licence, file]; the file is an artifact of hardhat (`bytecode`) or of foundry (`bytecode.object`).
  ...["core/ElixirFactory", "core/ElixirPool", "periphery/NonfungiblePositionManager"].map((path) => [
    path.replace("periphery/Nonfungible", "Elixir").replace("core/", ""),
    "@pangolindex/exchange-contracts",
    "MIT; the files of elixir-core say BUSL-1.1",
    `artifacts/contracts/elixir-${path}.sol/${path.split("/")[1]}.json`,
  ]),
  ...["PositionManager", "StateView", "V4Quoter"].map((name) => [
    name,
    "@uniswap/v4-periphery",
    "MIT",
    `foundry-out/${name}.sol/${name}.json`,
  ]),
  ...["Safe", "proxies/SafeProxyFactory"].map((path) => [
    path.replace("proxies/", ""),
    "@safe-global/safe-contracts",
    "LGPL-3.0",
    `build/artifacts/contracts/${path}.sol/${path.replace("proxies/", "")}.json`,
  ]),
];
for (const [name, from, license, file] of extracted) {
  const { abi, bytecode } = artifact(from, file);
  const code = bytecode.object ?? bytecode;
  write(name, { contract: name, from: `${from}@${version(from)} ${file}`, license, abi, bytecode: code });
}

// The Roles Modifier and its two libraries; places of library addresses are left open, as in the package.
const typechain = "build/typechain.mjs";
const parts = readFileSync(join(modules, "zodiac-roles-sdk", typechain), "utf8").match(/from "\.\/(typechain-[^"]+)"/)[1];
const factories = readFileSync(join(modules, "zodiac-roles-sdk", "build", parts), "utf8");
for (const path of ["Roles", "Integrity", "packers/Packer"]) {
  const region = factories.split(`/factories/contracts/${path}__factory.ts`)[1].split("//#endregion")[0];
  write(`Zodiac${path.replace("packers/", "")}`, {
    contract: `Zodiac${path.replace("packers/", "")}`,
    from: `zodiac-roles-sdk@${version("zodiac-roles-sdk")} ${typechain}`,
    license: "LGPL-3.0+",
    bytecode: region.match(/const _bytecode\S* = "(0x[0-9a-fA-F_$]+)"/)[1],
  });
}

const permit2 = "lib/permit2/test/utils/DeployPermit2.sol";
const permit2Source = readFileSync(join(modules, "@uniswap/v4-periphery", permit2), "utf8");
write("Permit2", {
  contract: "Permit2",
  from: `@uniswap/v4-periphery@${version("@uniswap/v4-periphery")} ${permit2}`,
  license: "MIT",
  runtime: `0x${permit2Source.match(/hex"([0-9a-f]+)"/)[1]}`,
});

const multicall3 = "_cjs/constants/contracts.js";
const creation = readFileSync(join(modules, "viem", multicall3), "utf8").match(/multicall3Bytecode = '0x([0-9a-f]+)'/)[1];
write("Multicall3", {
  contract: "Multicall3",
  from: `viem@${version("viem")} ${multicall3}`,
  license: "MIT",
  runtime: `0x${creation.slice(2 * 0x20)}`,
});
