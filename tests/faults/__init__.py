"""The fault campaign: real processes under load while a conductor kills, cuts, stops and fills what they stand on."""
