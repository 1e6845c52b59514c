/** Where clouds tell a machine about itself; the same link-local address on EC2 and Azure. */
export const METADATA_URL = "http://169.254.169.254";
