"""Which chains' holdings an epoch has not seen, however well it knows the others."""

from alm_core.model.market import MarketSnapshot, SourceProblem


def unseen_chains(snapshot: MarketSnapshot) -> dict[int, str]:
    """Return the chains whose holdings are not known, by chain id, each with the reason.

    A chain hides its holdings where its node did not answer usably (source ``rpc:<chain id>``, with or without the
    number of an endpoint), or where its pools were read and its wallet was not.
    """
    read = {holdings.block.chain_id for holdings in snapshot.holdings}
    found = {
        state.pool.chain_id: f"holdings of chain {state.pool.chain_id} were not read"
        for state in snapshot.pools
        if state.pool.chain_id not in read
    }
    for problem in snapshot.problems:
        chain_id = _chain_of(problem)
        if chain_id is not None:
            found[chain_id] = f"{problem.source}: {problem.detail}"
    return dict(sorted(found.items()))


def _chain_of(problem: SourceProblem) -> int | None:
    kind, _, rest = problem.source.partition(":")
    number = rest.partition("#")[0]
    return int(number) if kind == "rpc" and number.isdecimal() else None
