"""The style sheet of all reports: one column on a phone, cards in place of wide tables there, clean on paper."""

STYLESHEET = """
:root{color-scheme:light}
*{box-sizing:border-box}
body{margin:0 auto;padding:1rem;max-width:88rem;background:#fff;color:#1a1a1a;
font:16px/1.45 system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif;overflow-wrap:anywhere}
h1{font-size:1.6rem;line-height:1.2;margin:.2rem 0}
h2{font-size:1.2rem;margin:2rem 0 .6rem}
header p,footer p,figcaption{color:#4b5563}
footer{margin-top:2rem;border-top:1px solid #d5d8dc;font-size:.875rem}
table{border-collapse:collapse;width:100%;font-size:.9rem;font-variant-numeric:tabular-nums}
th,td{padding:.3rem .5rem;text-align:left;vertical-align:top;border-bottom:1px solid #e5e7eb}
.heads{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,19rem),1fr));gap:1rem 2rem;
align-items:start;margin:1rem 0}
.figures caption{text-align:left;font-weight:700;padding:.3rem .5rem;border-bottom:2px solid #1a1a1a}
.figures th{font-weight:400}
.figures td{text-align:right}
.records thead th{border-bottom:2px solid #1a1a1a}
data,time,.records strong{white-space:nowrap}
.records thead th{overflow-wrap:normal}
.unknown{color:#a33c00;font-style:italic}
.drawn{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,34rem),1fr));gap:2rem;margin:1.5rem 0}
figure{margin:0;max-width:46rem}
img{display:block;width:100%;height:auto}
figcaption{font-size:.875rem;margin-top:.3rem}
@media screen and (min-width:48.01rem){
.records td:nth-child(6){min-width:9rem}
}
@media screen and (max-width:48rem){
.records thead{position:absolute;left:-999rem}
.records tr{display:block;margin:0 0 .8rem;border:1px solid #d5d8dc;border-radius:.4rem}
.records td{display:grid;grid-template-columns:8rem 1fr;gap:.5rem;border-bottom:1px solid #eef0f2}
.records td::before{content:attr(data-label);color:#4b5563}
}
@media print{
body{max-width:none;padding:0;font-size:10pt}
figure,tr{break-inside:avoid}
h2{break-after:avoid}
thead{display:table-header-group}
figure{max-width:15cm;margin:0 0 6mm}
.drawn{display:block}
table{font-size:8pt}
}
"""
