"""Finished traces are delivered to another Tracen endpoint: in order, each as one page, within its limit.

feeder      what has come → the queue, which is the store's (viewer/store/deliveries.py)
parcel      a trace → the bytes that are sent of it
endpoint    the other Tracen, one request at a time
verdicts    what follows from each refusal
courier     what is due → the endpoint, one at a time
forwarding  all of it beside a running server
standing    how it stands, in words and figures
"""
