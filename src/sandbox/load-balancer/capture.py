"""Prints the IPv4 TCP packets that cross eth0: `capture.py MILLISECONDS`, one line `SOURCE SPORT DESTINATION DPORT` each.

Node.js has no packet sockets; this is run where tcpdump is not installed (packet(7): AF_PACKET, SOCK_DGRAM).
"""
import socket
import struct
import sys
import time

ETH_P_ALL = 3
ETH_P_IP = 0x0800
end = time.monotonic() + float(sys.argv[1]) / 1000
packets = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_ALL))
packets.bind(("eth0", ETH_P_ALL))
while time.monotonic() < end:
    packets.settimeout(max(0.001, end - time.monotonic()))
    try:
        data, (_, protocol, *_rest) = packets.recvfrom(65535)
    except TimeoutError:
        break
    if protocol != ETH_P_IP or len(data) < 40 or data[9] != socket.IPPROTO_TCP:
        continue
    header = (data[0] & 15) * 4
    sport, dport = struct.unpack("!HH", data[header : header + 4])
    print(socket.inet_ntoa(data[12:16]), sport, socket.inet_ntoa(data[16:20]), dport)
