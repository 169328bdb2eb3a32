"""What a month includes and calls use before the balance: package of minutes, guaranteed payment [FIN-15, FIN-60]."""
