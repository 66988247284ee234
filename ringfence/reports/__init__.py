"""What call records tell, as tables: records go in one by one, rows come out.

kept_away  whether a call was kept from the called number, and by what means
blocked    the blocked calls of one called number, by basis (47 CFR 64.1200(k)(10))
traffic    what came over a trunk or from a provider: counts, shares, distinct numbers
rules      what each rule did
distinct   how many different values there were, exact up to a bound
source     where the records come from
table      a table as CSV and as a page that can be printed
plot       the same as a picture

All but `source` and `plot` are pure. Memory is bounded by what is counted, not by how many calls
there were.
"""
