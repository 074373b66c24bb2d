"""Where a new DEX family begins: copy this folder, keep the file names, fill every function. Not registered.

Each file says what it must do, and nothing in here runs. ``docs/how-to/add-a-dex.md`` tells the way around it. A family
that keeps the functions of Uniswap V3 needs three files only (abi, layout, adapter), as ``slipstream`` has them.
"""

from alm_resources.dex._template.adapter import TemplateAdapter

__all__ = ["TemplateAdapter"]
