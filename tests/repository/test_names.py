"""Our top-level packages are ours alone."""

from importlib.metadata import packages_distributions

OURS = {"config", "connectors", "mapping", "portfolio", "reports", "sandbox", "sync"}


def test_no_installed_distribution_provides_a_package_of_ours() -> None:
    others = {
        name: sorted(set(found) - {"portico"})
        for name, found in packages_distributions().items()
        if name in OURS and set(found) - {"portico"}
    }

    assert others == {}
