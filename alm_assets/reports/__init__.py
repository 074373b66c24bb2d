"""Reports that people read: figures and pages of a backtest and of a live day.

Belongs here: what is drawn and told. Does not: the accounting behind it (``alm_core.accounting``). A page stands alone:
no script, no font, no style sheet and no picture from elsewhere. Whatever comes from data is escaped.
"""

from alm_assets.reports.backtests import backtest_figures, backtest_page
from alm_assets.reports.days import day_figures, day_page
from alm_assets.reports.images import image_metadata, report_images

__all__ = ["backtest_figures", "backtest_page", "day_figures", "day_page", "image_metadata", "report_images"]
