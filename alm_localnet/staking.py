"""Gauges and farms for pools of a running localnet, and Merkl's distributor: none is there unless it is asked for.

Contracts stand at their real addresses where those are public; voter, gauges and factories of gauges do not.
"""

from dataclasses import dataclass

from alm_localnet.contracts import Bytecode, calldata, install
from alm_localnet.deploy import DeployedChain
from alm_localnet.pools import LocalPool

AERO = "0x940181a94A35A4569E4529A3CDfB74e38FD98631"
CAKE = "0x152649eA73beAb28c5b49B26eb48f7EAD6d4c898"
MASTER_CHEF = "0x556B9306565093C855AEA9AE92A594704c2Cd59e"
MERKL_DISTRIBUTOR = "0x3Ef3D8bA38EBe18DB133cEc108f4D14CE00Dd9Ae"
WEEK_S = 7 * 86_400
PAID_A_WEEK = 604_800 * 10**16
DISPUTE_HOURS = 1
_VOTER, _LM_DEPLOYER = ("0x" + byte * 20 for byte in ("B0", "D0"))
_GAUGE = "0xB1B1B1B1b1B1b1b1b1B1B1B1B1b1b1B1b1b1B1B1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Enrolment:
    """A pool, and the contract that pays a reward token to positions it holds."""

    pool: LocalPool
    role: str
    contract: str
    reward_token: str
    symbol: str

    def registry(self, text: str, *, stake: bool = True) -> str:
        """Return the text of a registry file in which the pool names the contract."""
        entry = f'address = "{self.pool.address}"'
        lines = [entry, f'{self.role} = "{self.contract}"', f'reward_token = "{self.reward_token}"']
        lines += ["stake = true"] if stake else []
        token = [
            *("[[tokens]]", f"chain = {self.pool.chain_id}", f'address = "{self.reward_token}"'),
            *(f'symbol = "{self.symbol}"', "decimals = 18", 'asset_class = "volatile"', 'issuer = "dex"', ""),
        ]
        return text.replace(entry, "\n".join(lines), 1) + "\n" + "\n".join(token)


def open_gauge(chain: DeployedChain, code: Bytecode, pool: LocalPool) -> Enrolment:
    """Give a Slipstream pool a gauge, and the gauge a week's emissions."""
    rpc, operator = chain.rpc, chain.operator
    manager = pool.deployment.contracts["position_manager"]
    _reward_token(chain, code, AERO, "AERO")
    install(rpc, operator, _VOTER, code.creation("GaugeVoter"))
    install(rpc, operator, _GAUGE, code.creation("CLGauge"))
    tokens = (pool.token0.address, pool.token1.address)
    words = (pool.address, _VOTER, AERO, _VOTER, manager, *tokens, pool.preset.tick_spacing, True)
    types = "(address,address,address,address,address,address,address,int24,bool)"
    rpc.transact(operator, _GAUGE, calldata(f"initialize{types}", *words))
    rpc.transact(operator, pool.address, calldata("setGaugeAndPositionManager(address,address)", _GAUGE, manager))
    rpc.transact(operator, AERO, calldata("approve(address,uint256)", _VOTER, PAID_A_WEEK))
    rpc.transact(operator, _VOTER, calldata("notify(address,address,uint256)", _GAUGE, AERO, PAID_A_WEEK))
    return Enrolment(pool=pool, role="gauge", contract=_GAUGE, reward_token=AERO, symbol="AERO")


def open_farm(chain: DeployedChain, code: Bytecode, pool: LocalPool) -> Enrolment:
    """Give a PancakeSwap V3 pool a farm that gets all of a week's emissions."""
    rpc, operator, contracts = chain.rpc, chain.operator, pool.deployment.contracts
    _reward_token(chain, code, CAKE, "CAKE")
    chef_words = (CAKE, contracts["position_manager"])
    install(rpc, operator, MASTER_CHEF, code.creation("MasterChefV3"), "(address,address)", *chef_words)
    install(rpc, operator, _LM_DEPLOYER, code.creation("PancakeV3LmPoolDeployer"), "(address)", MASTER_CHEF)
    rpc.transact(operator, MASTER_CHEF, calldata("setLMPoolDeployer(address)", _LM_DEPLOYER))
    rpc.transact(operator, contracts["factory"], calldata("setLmPoolDeployer(address)", _LM_DEPLOYER))
    rpc.transact(operator, MASTER_CHEF, calldata("add(uint256,address,bool)", 10, pool.address, True))
    rpc.transact(operator, CAKE, calldata("approve(address,uint256)", MASTER_CHEF, PAID_A_WEEK))
    rpc.transact(operator, MASTER_CHEF, calldata("upkeep(uint256,uint256,bool)", PAID_A_WEEK, WEEK_S, True))
    return Enrolment(pool=pool, role="master_chef", contract=MASTER_CHEF, reward_token=CAKE, symbol="CAKE")


def open_distributor(chain: DeployedChain, code: Bytecode, reward_token: str) -> None:
    """Put Merkl's distributor on a chain, with a lot of a token that it may pay out."""
    creation = code.creation("MerklDistributor")
    install(chain.rpc, chain.operator, MERKL_DISTRIBUTOR, creation, "(uint48)", DISPUTE_HOURS)
    chain.rpc.transact(chain.operator, reward_token, calldata("mint(address,uint256)", MERKL_DISTRIBUTOR, PAID_A_WEEK))


def _reward_token(chain: DeployedChain, code: Bytecode, address: str, symbol: str) -> None:
    words = (symbol, symbol, 18, False)
    install(chain.rpc, chain.operator, address, code.creation("Token"), "(string,string,uint8,bool)", *words)
    chain.rpc.transact(chain.operator, address, calldata("mint(address,uint256)", chain.operator, PAID_A_WEEK))
