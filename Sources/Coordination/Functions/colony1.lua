#!lua name=colony1
